//! Coverage: until when an index was told of each dataset.
//!
//! Whether that is recent enough is the affair of `freshness`.

use jiff::Timestamp;

use crate::schema::Dataset;

/// Until when each dataset was observed; none: nothing of it was ever taken in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// Users.
    pub users: Option<Timestamp>,
    /// Devices.
    pub devices: Option<Timestamp>,
    /// Logins.
    pub logins: Option<Timestamp>,
}

impl Coverage {
    /// Returns that of one dataset.
    pub fn of(&self, dataset: Dataset) -> Option<Timestamp> {
        match dataset {
            Dataset::Users => self.users,
            Dataset::Devices => self.devices,
            Dataset::Logins => self.logins,
        }
    }

    /// Returns the times of the datasets there are.
    pub fn times(&self) -> impl Iterator<Item = Timestamp> + Clone {
        let datasets = Dataset::ALL.into_iter();
        datasets.filter_map(|dataset| self.of(dataset))
    }
}
