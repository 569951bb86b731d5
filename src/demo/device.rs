//! Devices: their names, hardware and systems, and who logs in at them.

use super::account::people_among;
use super::random::Stream;
use super::text::{Row, push, push_padded, push_time};
use super::words::{
    DESKTOPS, DOMAINS, LAPTOPS, MACOS, MACS, SERIAL_LETTERS, SITES, VIRTUAL, WINDOWS,
};
use super::{Tenant, appeared, grown};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Laptop,
    Desktop,
    Virtual,
    Kiosk,
}

fn kind_of(device: u32) -> Kind {
    match device % 100 {
        0..72 => Kind::Laptop,
        72..90 => Kind::Desktop,
        90..98 => Kind::Virtual,
        _ => Kind::Kiosk,
    }
}

pub(super) fn host_name(host: u32, text: &mut Vec<u8>) {
    push(
        text,
        match kind_of(host) {
            Kind::Laptop => "NB-",
            Kind::Desktop => "WS-",
            Kind::Virtual => "VDI-",
            Kind::Kiosk => "KIOSK-",
        },
    );
    push_padded(text, host.into(), 7);
}

impl Tenant {
    pub(super) fn devices_on(&self, day: u32) -> u32 {
        grown(self.devices, day)
    }

    /// The number in a device's name: its own, but 1 in 1,000, and 1 in 20 of the new ones, took over another's name.
    pub(super) fn host_of(&self, device: u32) -> u32 {
        let mut draws = self.draws(Stream::Host, device, 0);
        let share = if device < self.devices { 1_000 } else { 20 };
        let reused = device > 0 && draws.below(share) == 0;
        if reused {
            device - 1 - draws.below(device.min(100))
        } else {
            device
        }
    }

    pub(super) fn device_row(&self, device: u32, day: u32, row: &mut Row) {
        row.field(|text| self.draws(Stream::DeviceUid, device, 0).push_uuid(text));
        row.field(|text| self.draws(Stream::CollectorUid, device, 0).push_uuid(text));
        row.field(|text| host_name(self.host_of(device), text));
        self.hardware_fields(device, row);
        let os = self.operating_system(device, day);
        row.texts(&[os.0, os.1]);
        row.text(
            SITES[self
                .draws(Stream::Site, device, 0)
                .below(SITES.len() as u32) as usize],
        );
        let last_login = self.people_at(device, day).next();
        row.field(|text| {
            if let Some(number) = last_login {
                self.login_name(device, number, day, text)
            }
        });
        let (first_seen, last_seen) = self.seen(
            Stream::DeviceSeen,
            device,
            appeared(self.devices, device),
            day,
        );
        row.field(|text| push_time(text, first_seen));
        row.field(|text| push_time(text, last_seen));
    }

    /// Serial number, type, manufacturer and model. A few boards carry the placeholder they were delivered with.
    fn hardware_fields(&self, device: u32, row: &mut Row) {
        let mut draws = self.draws(Stream::Hardware, device, 0);
        let (kind, models, letters) = match kind_of(device) {
            Kind::Laptop if is_mac(device) => ("laptop", MACS, 9),
            Kind::Laptop => ("laptop", LAPTOPS, 7),
            Kind::Desktop | Kind::Kiosk => ("desktop", DESKTOPS, 7),
            Kind::Virtual => ("virtual", VIRTUAL, 20),
        };
        let (manufacturer, model, serial) = models[draws.below(models.len() as u32) as usize];
        row.field(|text| match draws.below(200) {
            0 => push(text, "To be filled by O.E.M."),
            1 => push(text, "Default string"),
            _ => {
                push(text, serial);
                (0..letters).for_each(|_| text.push(SERIAL_LETTERS[draws.below(32) as usize]));
            }
        });
        row.texts(&[kind, manufacturer, model]);
    }

    /// Name and platform; each upgrade goes to the next release, and from the last to the first.
    fn operating_system(&self, device: u32, day: u32) -> (&'static str, &'static str) {
        let (releases, platform) = if is_mac(device) {
            (MACOS, "macOS")
        } else {
            (WINDOWS, "Windows")
        };
        let first = self
            .draws(Stream::Upgrade, device, 0)
            .below(releases.len() as u32) as usize;
        let upgrades = (1..=day)
            .filter(|day| self.draws(Stream::Upgrade, device, *day).below(200) == 0)
            .count();
        (releases[(first + upgrades) % releases.len()], platform)
    }

    /// The people who logged in at a device, the last one first; nobody at one device in eight.
    pub(super) fn people_at(&self, device: u32, day: u32) -> impl Iterator<Item = u32> {
        let people = people_among(grown(self.users, appeared(self.devices, device)));
        let mut draws = self.draws(Stream::Sharing, device, 0);
        let nobody = draws.below(8) == 0;
        let regulars = match kind_of(device) {
            _ if nobody => 0,
            Kind::Laptop | Kind::Desktop => 1 + u32::from(draws.below(10) == 0),
            Kind::Virtual => 2 + draws.below(4),
            Kind::Kiosk => 4 + draws.below(8),
        };
        let handovers = if nobody {
            0
        } else {
            self.handovers(device, day)
        };
        let present = (regulars + handovers).min(people);
        (0..present)
            .map(move |place| (device % people + (present - 1 - place) * 7_919 % people) % people)
    }

    /// How often the device went to somebody else, who then leads its list.
    fn handovers(&self, device: u32, day: u32) -> u32 {
        (1..=day)
            .map(|day| u32::from(self.draws(Stream::Handover, device, day).below(175) == 0))
            .sum()
    }

    /// An account name as it shows at logins: the case varies from device to device.
    pub(super) fn login_name(&self, device: u32, number: u32, day: u32, text: &mut Vec<u8>) {
        let person = self.person(number, day);
        let start = text.len();
        person.push_sam(text);
        text.push(b'@');
        push(text, DOMAINS[person.domain()]);
        if device % 16 == 5 {
            text[start..].make_ascii_uppercase();
        }
    }

    /// A count over a rolling window: it moves by one or two from day to day.
    pub(super) fn logins(&self, device: u32, user: u32, day: u32, most: u32) -> u32 {
        let pair = device.rotate_left(16) ^ user;
        let usual = 1 + self.draws(Stream::Logins, pair, 0).below(most);
        usual + self.draws(Stream::Logins, pair, day + 1).below(3)
    }
}

fn is_mac(device: u32) -> bool {
    kind_of(device) == Kind::Laptop && device % 9 == 4
}
