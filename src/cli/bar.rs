//! The progress bar of a run.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::ingest::Progress;

/// How often it moves by itself.
const TICK: Duration = Duration::from_millis(100);

/// The progress bar, on a terminal only.
pub(super) struct Bar {
    bar: ProgressBar,
    start: Instant,
    objects: u64,
    done: u64,
    rows: u64,
}

impl Bar {
    pub(super) fn new(is_shown: bool) -> Bar {
        let bar = match is_shown {
            true => ProgressBar::new_spinner().with_message("listing"),
            false => ProgressBar::hidden(),
        };
        bar.enable_steady_tick(TICK);
        Bar {
            bar,
            start: Instant::now(),
            objects: 0,
            done: 0,
            rows: 0,
        }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Listed { objects, bytes } => {
                self.objects = objects;
                self.start = Instant::now();
                self.bar.set_length(bytes);
                let style = "{bar:30} {bytes}/{total_bytes}  {msg}  ETA {eta}";
                if let Ok(style) = ProgressStyle::with_template(style) {
                    self.bar.set_style(style);
                }
                self.bar.reset_eta();
            }
            Progress::Object { bytes } => {
                self.done += 1;
                self.bar.inc(bytes);
            }
            Progress::Rows(rows) => self.rows += rows,
        }
        if self.bar.is_hidden() {
            return;
        }
        let rate = self.rows as f64 / self.start.elapsed().as_secs_f64().max(0.001);
        self.bar.set_message(format!(
            "{}/{} objects  {} rows/s",
            HumanCount(self.done),
            HumanCount(self.objects),
            HumanCount(rate as u64)
        ));
    }

    /// Takes it away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
