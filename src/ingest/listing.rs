//! The listing: what of it is new, what waits for its time, and what is odd about it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use super::error::{Result, chain};
use super::report::{Failure, Progress};
use super::{Options, Run};
use crate::identifier::hash128;
use crate::index::Past;
use crate::observation::{Object, ObservedFrom};
use crate::publish::{OF_REFUSED, digits};
use crate::schema::Dataset;
use crate::source::{Listing, Sources, days_in};

/// How far ahead of the clock an object may be observed: zones and clocks differ by less.
const AHEAD: i64 = 2 * DAY;
/// How far the date in a key may lie from when the object was modified.
const APART: i64 = 2 * DAY;
/// How far the newest objects of two sources may lie apart: some export weekly.
const QUIET: i64 = 8 * DAY;
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

impl Run<'_> {
    /// Leaves the listed objects that are to be taken in, the newest first: older rows are then superseded by one comparison.
    /// Where a dataset is frozen, the oldest is first.
    pub(super) fn new_objects(&mut self, listing: &Listing) -> Result<Vec<Object>> {
        self.report.objects.listed = listing.objects.len() as u64;
        self.report.objects.left_out = listing.left_out as u64;
        self.report.warnings.extend(odd_keys(listing));
        let past = self.folder.current()?;
        let past = past
            .as_ref()
            .map(|past| Past::load(&past.path))
            .transpose()?;
        self.look_at_sources(listing, past.as_ref());
        if let Some(past) = &past {
            self.report.take(&past.published());
            self.newest_of_sources = past.newest_of_sources();
            self.is_outdated = past.is_outdated();
        }
        let is_known = |object: &&Object| past.as_ref().is_some_and(|past| past.knows(object));
        let new = listing.objects.iter().filter(|one| !is_known(one));
        let mut new: Vec<Object> = new.cloned().collect();
        if !self.options.complete.is_empty() {
            self.listed.clone_from(&new);
            self.listed.extend(listing.unfinished.iter().cloned());
            let is_sick = |name: &str| listing.sick.iter().any(|(sick, _)| sick == name);
            let sources = self
                .options
                .sources
                .iter()
                .map(|source| source.name.clone());
            self.listed_sources = sources.filter(|name| !is_sick(name)).collect();
        }
        self.leave_out_future(&mut new);
        if !self.options.is_retry {
            self.leave_out_undone(&mut new)?;
            // Where nothing was published yet, a run that leaves all out would call itself done.
            if past.is_some() && !self.options.is_accepting {
                self.leave_out_failed(&mut new);
                self.leave_out_refused(&mut new);
            }
        }
        self.refuse_undated(&mut new);
        self.report.warnings.extend(apart(&new));
        self.report.warnings.extend(ancient(&new));
        if let Some(past) = &past {
            self.report.warnings.extend(written_anew(&new, past));
        }
        new.sort_by(|left, right| {
            (right.observed_at, &left.source, &left.key).cmp(&(
                left.observed_at,
                &right.source,
                &right.key,
            ))
        });
        // The columns of each are compared with those of the one before it.
        if !self.options.frozen.is_empty() {
            new.reverse();
        }
        self.report.objects.new = new.len() as u64;
        let bytes = new.iter().map(|object| object.size_bytes).sum();
        (self.progress)(Progress::Listed {
            objects: new.len() as u64,
            bytes,
        });
        Ok(new)
    }

    /// Names the sources that cannot be read, and those that have fewer objects than they should.
    fn look_at_sources(&mut self, listing: &Listing, past: Option<&Past>) {
        for (name, error) in &self.options.sick {
            self.fail_source(name, error.clone());
        }
        for (name, error) in &listing.sick {
            self.fail_source(name, chain(&**error));
        }
        let mut listed: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for object in &listing.objects {
            let of_source = listed.entry(&object.source).or_default();
            of_source.push(object.modified_at);
        }
        for source in &self.options.sources {
            if listing.sick.iter().any(|(name, _)| *name == source.name) {
                continue;
            }
            let listed = listed
                .get(source.name.as_str())
                .map_or(&[][..], Vec::as_slice);
            let count = listed.len() as u64;
            let known = past.map_or_else(Vec::new, |past| past.modified_of(&source.name));
            let known = still_listed(&known, listed, source.keep_for);
            if count < source.min_objects {
                let min = source.min_objects;
                let error = format!(
                    "it lists {count} objects, fewer than its min_objects of {min}; check its url and prefix"
                );
                self.fail_source(&source.name, error);
            } else if let Some((_, found)) = listing
                .filtered
                .iter()
                .find(|(name, _)| *name == source.name)
            {
                self.report.warnings.push(format!(
                    "source `{}` has {found} objects, and its include and exclude, or the list of what is no export, leave out all of \
                     them",
                    source.name
                ));
            } else if count * 2 < known || (count == 0 && source.keep_for.is_none()) {
                self.report.warnings.push(format!(
                    "source `{}` lists {count} objects, and {known} were taken in from it before; check its url and prefix, or \
                     whether a folder is mounted",
                    source.name
                ));
            }
        }
    }

    /// Says which sources gave nothing new of a dataset for long, though others do: by those the index calls itself fresh.
    pub(super) fn warn_of_quiet_sources(&mut self) {
        for dataset in Dataset::ALL {
            let of = self
                .newest_of_sources
                .iter()
                .filter(|((_, of), _)| *of == dataset);
            let of = of
                .filter(|((name, _), _)| self.options.sources.iter().any(|one| one.name == *name));
            let newest = of.clone().map(|(_, at)| *at).max().unwrap_or_default();
            for ((name, _), at) in of.filter(|(_, at)| newest.saturating_sub(**at) > QUIET) {
                let days = (newest - at) / DAY;
                self.report.warnings.push(format!(
                    "source `{name}` has no newer {} than {days} days before those of another source: its exporter may have stopped, \
                     and whom it alone knows are as old; leave the source out if nothing comes any more",
                    dataset.as_str()
                ));
            }
        }
    }

    fn fail_source(&mut self, name: &str, error: String) {
        tracing::error!(source = name, error, "source failed");
        self.report
            .failures
            .push(Failure::new(format!("source `{name}`"), error));
    }

    /// Removes files that an earlier run took in, where they are kept for a time only; what this one did, a rollback may need.
    pub(super) fn remove_taken(
        &mut self,
        sources: &Sources,
        listing: &Listing,
        new: &HashSet<String>,
    ) -> Result<()> {
        let kept = self.options.sources.iter();
        let kept = kept.filter_map(|source| Some((source.name.as_str(), source.keep_for?)));
        let kept: BTreeMap<&str, Duration> = kept.collect();
        let Some(current) = self.folder.current()?.filter(|_| !kept.is_empty()) else {
            return Ok(());
        };
        let (past, now) = (
            Past::load(&current.path)?,
            Timestamp::now().as_microsecond(),
        );
        let mut removed = 0;
        for object in &listing.objects {
            let Some(keep_for) = kept.get(object.source.as_str()) else {
                continue;
            };
            let age =
                Duration::from_micros(now.saturating_sub(object.modified_at).max(0).unsigned_abs());
            if age <= *keep_for || new.contains(&digits(object)) || !past.knows(object) {
                continue;
            }
            match sources.remove(object) {
                Ok(()) => removed += 1,
                Err(error) => self.report.warnings.push(format!(
                    "{} was taken in and cannot be removed: {error}; check who may write to its folder",
                    object.name()
                )),
            }
        }
        if removed > 0 {
            tracing::info!(removed, "files that were taken in are removed");
        }
        Ok(())
    }

    /// Leaves out objects whose run was refused, where others are new: which of them was at fault nobody said. With nothing else
    /// the run is tried again, and refused again.
    fn leave_out_refused(&mut self, new: &mut Vec<Object>) {
        let is_refused = |object: &Object| self.failed.is_refused(object);
        if new.iter().all(is_refused) {
            return;
        }
        let (refused, taken): (Vec<Object>, Vec<Object>) =
            std::mem::take(new).into_iter().partition(is_refused);
        *new = taken;
        for object in refused {
            self.fail(&object, OF_REFUSED.to_owned());
        }
    }

    /// Has objects of the future wait for their time: until then their rows would be newer than all others.
    fn leave_out_future(&mut self, new: &mut Vec<Object>) {
        let latest = Timestamp::now().as_microsecond().saturating_add(AHEAD);
        let (waiting, taken): (Vec<Object>, Vec<Object>) = new
            .drain(..)
            .partition(|object| object.observed_at > latest);
        *new = taken;
        if let Some(first) = waiting.first() {
            let by = match first.observed_from {
                ObservedFrom::Key => "name",
                ObservedFrom::Modified => "time of modification",
            };
            let time = Timestamp::from_microsecond(first.observed_at);
            self.report.warnings.push(format!(
                "{} of the future wait for their time: {}, by its {by} of {}",
                objects(waiting.len()),
                first.name(),
                time.map_or_else(
                    |_| "a time beyond all clocks".to_owned(),
                    |time| format!("{time:.0}")
                ),
            ));
        }
    }

    /// Leaves out objects that a rollback undid.
    fn leave_out_undone(&mut self, new: &mut Vec<Object>) -> Result<()> {
        let undone = self.folder.undone()?;
        let before = new.len();
        new.retain(|object| !undone.leaves_out(object));
        let left_out = before - new.len();
        self.report.objects.undone = left_out as u64;
        if left_out > 0 {
            self.report.warnings.push(format!(
                "{left_out} objects that a rollback undid are left out: `identidex generations` lists them, `sync --retry` takes them in"
            ));
        }
        Ok(())
    }

    /// Leaves out objects that failed before by their content, unless they or what judges them changed.
    fn leave_out_failed(&mut self, new: &mut Vec<Object>) {
        let before = new.len();
        let judges = self.judges.clone();
        new.retain(|object| !self.failed.leaves_out(object, judge_of(&judges, object)));
        let left_out = before - new.len();
        if left_out > 0 {
            self.report.warnings.push(format!(
                "{} failed before and did not change since; `identidex status` names them, `sync --retry` tries them again",
                objects(left_out)
            ));
        }
    }

    /// Fails objects whose keys should tell when they were observed, and do not.
    fn refuse_undated(&mut self, new: &mut Vec<Object>) {
        let mut by_key = BTreeSet::new();
        for source in &self.options.sources {
            if source.observed_from == Some(ObservedFrom::Key) {
                by_key.insert(source.name.clone());
            }
        }
        let is_undated = |object: &Object| {
            by_key.contains(&object.source) && object.observed_from == ObservedFrom::Modified
        };
        let (undated, taken): (Vec<Object>, Vec<Object>) = new.drain(..).partition(is_undated);
        *new = taken;
        for object in undated {
            let error = "its key has no date-time such as 2026-11-20T06-00-00Z, and observed_from = \"key\" wants one";
            self.fail_by_content(&object, error.to_owned());
        }
    }
}

/// Returns how many of the objects that were taken in of a source should be listed still: what is older than all that is listed may
/// have been removed after its time, by a rule of the bucket say, or by `keep_for`.
fn still_listed(known: &[i64], listed: &[i64], keep_for: Option<Duration>) -> u64 {
    let oldest = listed.iter().min().copied().unwrap_or(i64::MIN);
    // Where none of them is there, it is another place, or an empty folder that something is written to.
    let oldest = match known.iter().all(|time| *time < oldest) {
        true => i64::MIN,
        false => oldest,
    };
    let kept = keep_for.map_or(i64::MIN, |keep_for| {
        let micros = i64::try_from(keep_for.as_micros()).unwrap_or(i64::MAX);
        Timestamp::now().as_microsecond().saturating_sub(micros)
    });
    let still = known.iter().filter(|time| **time >= oldest.max(kept));
    still.count() as u64
}

/// Says what a number of objects is.
fn objects(count: usize) -> String {
    match count {
        1 => "1 object".to_owned(),
        _ => format!("{count} objects"),
    }
}

/// Reports objects whose key has a date, and no time, far from when they were modified, which counts: copied files.
fn apart(new: &[Object]) -> Option<String> {
    let is_apart = |object: &&Object| {
        let days = days_in(&object.key).into_iter();
        let noons = days.filter_map(|day| {
            let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            Some(midnight.timestamp().as_microsecond() + DAY / 2)
        });
        let nearest = noons.map(|noon| noon.abs_diff(object.modified_at)).min();
        object.observed_from == ObservedFrom::Modified
            && nearest.is_some_and(|nearest| nearest > APART.unsigned_abs())
    };
    let apart: Vec<&Object> = new.iter().filter(is_apart).collect();
    let first = apart.first()?;
    Some(format!(
        "{} count as observed when modified, and have another date in the name: {}; a time behind the date, as in \
         2026-11-20T06-00-00Z, would count",
        objects(apart.len()),
        first.name()
    ))
}

/// Reports objects that count as observed when they were modified, and were so before there were exports: what packs files leaves out
/// their times.
fn ancient(new: &[Object]) -> Option<String> {
    /// The year 2000.
    const FIRST: i64 = 946_684_800_000_000;
    let is_ancient = |object: &&Object| {
        object.observed_from == ObservedFrom::Modified && object.modified_at < FIRST
    };
    let mut ancient = new.iter().filter(is_ancient);
    let first = ancient.next()?.name();
    Some(format!(
        "{} count as observed when modified, and were so before the year 2000, as archives and images leave it: all other rows count as \
         newer (first {first}); a time in the name, as in 2026-11-20T06-00-00Z, would count",
        objects(ancient.count() + 1)
    ))
}

/// Says which objects have the key and the time of one that was taken in: of their rows, the later written count.
fn written_anew(new: &[Object], past: &Past) -> Option<String> {
    let mut anew = new.iter().filter(|object| past.has_key_and_time(object));
    let first = anew.next()?.name();
    Some(format!(
        "{} of a key and time that were taken in before: written anew; what they hold and was not known is read, and of their rows \
         the later written count, or either, where both were written at one time (first {first})",
        objects(anew.count() + 1)
    ))
}

/// Returns what judges the content of objects, by source: with another program, mapping or encoding, one may be taken in.
pub(super) fn judges(options: &Options) -> BTreeMap<String, String> {
    let all = format!(
        "{} {:?} {:?} {:?}",
        env!("CARGO_PKG_VERSION"),
        options.mapping,
        options.not_said,
        options.frozen
    );
    let sources = options.sources.iter().map(|source| {
        let encoding = source.encoding.map(encoding_rs::Encoding::name);
        let judge = hash128(&format!("{all} {encoding:?} {:?}", source.observed_from));
        (source.name.clone(), format!("{judge:032x}"))
    });
    sources.collect()
}

pub(super) fn judge_of<'j>(judges: &'j BTreeMap<String, String>, object: &Object) -> &'j str {
    judges.get(&object.source).map_or("", String::as_str)
}

/// Returns what objects of a listing are known by.
pub(super) fn identities(listing: &Listing) -> BTreeSet<String> {
    listing.objects.iter().map(digits).collect()
}
/// Says which entries cannot be read and why, of each reason the first ones by name.
fn odd_keys(listing: &Listing) -> Vec<String> {
    /// Entries that are named for one reason.
    const NAMED: usize = 3;
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for odd in &listing.odd_keys {
        by_reason
            .entry(odd.reason)
            .or_default()
            .push(odd.to_string());
    }
    let mut said = Vec::new();
    for (reason, names) in by_reason {
        let more = names.len().saturating_sub(NAMED);
        let named = names.iter().take(NAMED);
        said.extend(named.map(|name| format!("{name} {reason}; it is left out")));
        if more > 0 {
            said.push(format!("{more} more objects are left out: each {reason}"));
        }
    }
    said
}
