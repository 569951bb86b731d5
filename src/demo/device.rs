//! Devices: their hardware and systems, and the people who log in at them.
//!
//! What a device is called is the affair of `host`, who people are that of `account`.

use super::account::{people_among, person};
use super::host::{Kind, host_name, host_of, kind_of};
use super::random::Stream;
use super::text::{Row, push, push_time};
use super::words::{
    DESKTOPS, DOMAINS, LAPTOPS, MACOS, MACS, SERIAL_LETTERS, SITES, VIRTUAL, WINDOWS,
};
use super::{Tenant, appeared, grown};

pub(super) fn device_row(tenant: &Tenant, device: u32, day: u32, row: &mut Row) {
    row.field(|text| tenant.draws(Stream::DeviceUid, device, 0).push_uuid(text));
    row.field(|text| {
        tenant
            .draws(Stream::CollectorUid, device, 0)
            .push_uuid(text)
    });
    row.field(|text| host_name(host_of(tenant, device), text));
    hardware_fields(tenant, device, row);
    let os = operating_system(tenant, device, day);
    row.texts(&[os.0, os.1]);
    row.text(
        SITES[tenant
            .draws(Stream::Site, device, 0)
            .below(SITES.len() as u32) as usize],
    );
    let last_login = people_at(tenant, device, day).next();
    row.field(|text| {
        if let Some(number) = last_login {
            login_name(tenant, device, number, day, text)
        }
    });
    let (first_seen, last_seen) = tenant.seen(
        Stream::DeviceSeen,
        device,
        appeared(tenant.devices, device),
        day,
    );
    row.field(|text| push_time(text, first_seen));
    row.field(|text| push_time(text, last_seen));
}

/// Serial number, type, manufacturer and model. A few boards carry the placeholder they were delivered with.
fn hardware_fields(tenant: &Tenant, device: u32, row: &mut Row) {
    let mut draws = tenant.draws(Stream::Hardware, device, 0);
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
fn operating_system(tenant: &Tenant, device: u32, day: u32) -> (&'static str, &'static str) {
    let (releases, platform) = if is_mac(device) {
        (MACOS, "macOS")
    } else {
        (WINDOWS, "Windows")
    };
    let first = tenant
        .draws(Stream::Upgrade, device, 0)
        .below(releases.len() as u32) as usize;
    let upgrades = (1..=day)
        .filter(|day| tenant.draws(Stream::Upgrade, device, *day).below(200) == 0)
        .count();
    (releases[(first + upgrades) % releases.len()], platform)
}

/// The people who logged in at a device, the last one first; nobody at one device in eight.
pub(super) fn people_at(tenant: &Tenant, device: u32, day: u32) -> impl Iterator<Item = u32> {
    let people = people_among(grown(tenant.users, appeared(tenant.devices, device)));
    let mut draws = tenant.draws(Stream::Sharing, device, 0);
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
        handovers(tenant, device, day)
    };
    let present = (regulars + handovers).min(people);
    (0..present)
        .map(move |place| (device % people + (present - 1 - place) * 7_919 % people) % people)
}

/// How often the device went to somebody else, who then leads its list.
fn handovers(tenant: &Tenant, device: u32, day: u32) -> u32 {
    (1..=day)
        .map(|day| u32::from(tenant.draws(Stream::Handover, device, day).below(175) == 0))
        .sum()
}

/// An account name as it shows at logins: the case varies from device to device.
pub(super) fn login_name(tenant: &Tenant, device: u32, number: u32, day: u32, text: &mut Vec<u8>) {
    let person = person(tenant, number, day);
    let start = text.len();
    person.push_sam(text);
    text.push(b'@');
    push(text, DOMAINS[person.domain()]);
    if device % 16 == 5 {
        text[start..].make_ascii_uppercase();
    }
}

/// A count over a rolling window: it moves by one or two from day to day.
pub(super) fn logins(tenant: &Tenant, device: u32, user: u32, day: u32, most: u32) -> u32 {
    let pair = device.rotate_left(16) ^ user;
    let usual = 1 + tenant.draws(Stream::Logins, pair, 0).below(most);
    usual + tenant.draws(Stream::Logins, pair, day + 1).below(3)
}

fn is_mac(device: u32) -> bool {
    kind_of(device) == Kind::Laptop && device % 9 == 4
}
