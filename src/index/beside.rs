//! Beside: whether other usages come near one, so that it does not stand out.

use super::idle::Idle;
use super::stand::{Seconds, Stand, day};
use crate::schema::Subject;

/// Accounts of people that use a device from which on it may be shared.
pub(super) const SHARED_BY: usize = 3;
/// Who has so many times the logins of others leads, though these were there on half as many days.
const BESIDE: u64 = 4;

/// Tells whether a usage is of long before another one, which began when it was over: a device that was handed over, or left.
/// Where they take turns, it is neither.
fn gave_way(stand: &Stand, to: &Stand, idle: &Idle) -> bool {
    idle.is_left_behind(stand, to.known) && stand.known / day() <= Seconds::from(to.began)
}

/// Tells whether others come near, of those that did not give way: one is on more days, since one busy day outweighs many
/// quiet ones by its logins alone; or together they are on half as many days, with a quarter of the logins: logins of a
/// week's export tell of one day only, and those that do not say when they were stand for as many as their window has. Of those
/// who took turns the days are enough: the newest export of each counts the logins of other days; and of those whose export counts
/// some of their days only. At a device, so are those of who is there as often since he began.
pub(super) fn are_beside(
    own: &Stand,
    others: impl Iterator<Item = Stand> + Clone,
    of: Subject,
    idle: &Idle,
) -> bool {
    let is_at_device = of == Subject::Device;
    let (mut days, mut logins, mut is_on_more_days) = (0_u64, 0_u64, false);
    let mut days_in_turn = 0_u64;
    // Nothing is handed over by so many.
    let are_many = others.clone().count() >= SHARED_BY;
    for other in others.filter(|other| are_many || !gave_way(other, own, idle)) {
        days += u64::from(other.days());
        logins += u64::from(other.logins);
        is_on_more_days |= other.days() > own.days()
            || other.is_there_more_than_told(own)
            || is_at_device && other.is_there_as_often(own);
        if own.took_turns(&other)
            || other.is_counted_in_part()
            || is_at_device && own.was_there_with(&other)
        {
            days_in_turn += u64::from(other.days());
        }
    }
    let are_in_turn = days_in_turn > 0 && days_in_turn * 2 >= u64::from(own.days());
    let is_often = days * 2 >= u64::from(own.days()) && logins * BESIDE >= u64::from(own.logins);
    is_on_more_days || is_often || are_in_turn
}
