//! Objects: the rows of a JSON text, one after another, in bounded memory.

use super::page::says_more;
use super::properties::Properties;
use super::shape::{BOTH, ENCODED, Shape, has_paths, has_paths_before, is_encoded, list_begin};
use crate::decode::text::Text;
use crate::decode::{BYTE_ORDER_MARK, Error, MAX_LINE_BYTES};

/// What was found next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A row, which was handed out.
    Row,
    /// A line that is no object, among lines that are one each.
    Broken {
        line: u64,
        /// Its bytes are no UTF-8.
        is_encoded: bool,
    },
    End,
}

/// A text that is walked, and where.
pub(super) struct Objects {
    text: Buffered,
    shape: Shape,
    place: Place,
    /// Every object so far had a line for itself: a broken one costs its line.
    is_by_lines: bool,
    /// The last object around rows said that more follow.
    says_more: bool,
}

/// Where a walk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In front of a value, or of the end.
    Outside,
    /// Behind the opening bracket of a list of rows.
    ListBegin,
    /// Behind a row of a list.
    BehindRow,
    /// Behind the comma that follows it.
    BehindComma,
}

const CUT: &str = "the text ends within a row or list; export or upload the object again";
const ROW_EXPECTED: &str = "expected an object that is a row";

impl Objects {
    pub(super) fn new(text: Text, shape: Shape) -> Objects {
        Objects {
            text: Buffered::new(text),
            shape,
            place: Place::Outside,
            is_by_lines: true,
            says_more: false,
        }
    }

    /// Tells whether what was walked so far says that more rows follow in another text.
    pub(super) fn says_more(&self) -> bool {
        self.says_more
    }

    /// Goes on to the next row, and hands it out with the line that it begins on.
    pub(super) fn next(&mut self, take: impl FnOnce(Properties, u64)) -> Result<Found, Error> {
        loop {
            self.place = match (self.place, self.text.peek()?, self.shape) {
                (Place::Outside, None, _) => return Ok(Found::End),
                (_, None, _) => return Err(self.broken(CUT)),
                (Place::Outside, _, Shape::Rows)
                | (Place::ListBegin | Place::BehindComma, Some(b'{'), _) => {
                    return self.object(take);
                }
                (Place::Outside, Some(b'['), Shape::Lists) => {
                    self.text.pass(1);
                    Place::ListBegin
                }
                (Place::Outside, Some(b'{'), Shape::Wrapped) => self.open()?,
                (Place::BehindRow, Some(b','), _) => {
                    self.text.pass(1);
                    Place::BehindComma
                }
                (Place::ListBegin | Place::BehindRow, Some(b']'), _) => {
                    self.text.pass(1);
                    if self.shape == Shape::Wrapped {
                        self.close()?;
                    }
                    Place::Outside
                }
                (Place::BehindRow, ..) => {
                    return Err(self.broken("expected a comma or the end of the list"));
                }
                _ => return Err(self.broken(ROW_EXPECTED)),
            };
        }
    }

    fn object(&mut self, take: impl FnOnce(Properties, u64)) -> Result<Found, Error> {
        loop {
            let line = self.text.line;
            match Properties::read(self.text.rest()) {
                Some(Ok((properties, length))) => {
                    take(properties, line);
                    self.is_by_lines &= self.text.is_line(length);
                    self.text.pass(length);
                    self.place = match self.shape {
                        Shape::Rows => Place::Outside,
                        Shape::Lists | Shape::Wrapped => Place::BehindRow,
                    };
                    return Ok(Found::Row);
                }
                Some(Err(error)) if error.is_eof() => {}
                // A line of many rows is no line to be left out.
                Some(Err(_)) if is_list_of_objects(self.text.rest()) => {
                    return Err(self.broken(ROW_EXPECTED));
                }
                Some(Err(error)) => {
                    let line = line + error.line().saturating_sub(1) as u64;
                    let what = match error.is_data() {
                        true => ROW_EXPECTED,
                        false if is_encoded(self.text.rest()) => ENCODED,
                        false => "a fault of syntax; export or upload the object again",
                    };
                    return match self.pass_line()? {
                        Some(broken) => Ok(broken),
                        None => Err(Error::Json { line, what }),
                    };
                }
                None => return Err(self.broken(ROW_EXPECTED)),
            }
            self.text.bounded("an object of the JSON text")?;
            if !self.text.fill()? {
                let is_last_line = memchr::memchr(b'\n', self.text.rest()).is_none();
                let passed = match is_last_line {
                    true => None,
                    false => self.pass_line()?,
                };
                return passed.ok_or_else(|| self.broken(CUT));
            }
        }
    }

    /// Passes over a line that is no object, where all others are.
    fn pass_line(&mut self) -> Result<Option<Found>, Error> {
        let line = self.text.line;
        if self.shape != Shape::Rows || !self.is_by_lines {
            return Ok(None);
        }
        loop {
            let end = memchr::memchr(b'\n', self.text.rest()).map(|end| end + 1);
            if let Some(end) = end.or(self.text.ended.then_some(self.text.rest().len())) {
                let is_encoded = is_encoded(&self.text.rest()[..end]);
                self.text.pass(end);
                return Ok(Some(Found::Broken { line, is_encoded }));
            }
            self.text.bounded("a line of the JSON text")?;
            self.text.fill()?;
        }
    }

    /// Passes into an object that wraps a list of rows; one without rows is passed over.
    fn open(&mut self) -> Result<Place, Error> {
        loop {
            if let Some(begin) = list_begin(self.text.rest()) {
                let start = &self.text.rest()[..begin];
                if has_paths_before(start) {
                    return Err(self.broken(BOTH));
                }
                let closed = [start, b"]}"].concat();
                // Of several pages behind one another, the last one says it.
                let others = Properties::read(&closed).and_then(Result::ok);
                self.says_more = others.is_some_and(|(others, _)| says_more(others));
                self.text.pass(begin);
                return Ok(Place::ListBegin);
            }
            match Properties::read(self.text.rest()) {
                Some(Ok((whole, _))) if has_paths(&whole) => {
                    return Err(self.broken("a row, where objects around lists of rows stand"));
                }
                Some(Ok((whole, length)))
                    if whole.values().any(|(_, value)| value.is_empty_list()) =>
                {
                    let says_more = says_more(whole);
                    self.text.pass(length);
                    self.says_more = says_more;
                    return Ok(Place::Outside);
                }
                Some(Err(error)) if error.is_eof() => {}
                _ => return Err(self.broken("expected an object around a list of rows")),
            }
            self.text.bounded("what stands before the list of rows")?;
            if !self.text.fill()? {
                return Err(self.broken(CUT));
            }
        }
    }

    /// Passes over what an object has behind the list of rows that it wraps.
    fn close(&mut self) -> Result<(), Error> {
        /// Makes what follows a list an object again.
        const BEFORE: &[u8] = b"{\"\":0";
        loop {
            let rest = [BEFORE, self.text.rest()].concat();
            match Properties::read(&rest) {
                Some(Ok((others, length))) => {
                    if others.values().any(|(_, value)| value.is_list_of_objects()) {
                        return Err(self.broken("a second list of objects; expected one"));
                    }
                    if has_paths(&others) {
                        return Err(self.broken(BOTH));
                    }
                    let says_more = says_more(others);
                    self.text.pass(length - BEFORE.len());
                    self.says_more |= says_more;
                    return Ok(());
                }
                Some(Err(error)) if error.is_eof() => {}
                _ => return Err(self.broken("expected the end of the object around the rows")),
            }
            self.text.bounded("what stands behind the list of rows")?;
            if !self.text.fill()? {
                return Err(self.broken(CUT));
            }
        }
    }

    fn broken(&self, what: &'static str) -> Error {
        Error::Json {
            line: self.text.line,
            what,
        }
    }
}

fn is_list_of_objects(text: &[u8]) -> bool {
    let inner = text.strip_prefix(b"[");
    inner.is_some_and(|inner| inner.trim_ascii_start().starts_with(b"{"))
}

/// A text, and what of it was read and not yet walked.
struct Buffered {
    text: Text,
    buffer: Vec<u8>,
    start: usize,
    /// The physical line that `start` stands on.
    line: u64,
    ended: bool,
}

impl Buffered {
    fn new(text: Text) -> Buffered {
        Buffered {
            text,
            buffer: Vec::new(),
            start: 0,
            line: 1,
            ended: false,
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn pass(&mut self, bytes: usize) {
        let passed = &self.rest()[..bytes];
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.start += bytes;
    }

    /// Reads on; false at the end of the text.
    fn fill(&mut self) -> Result<bool, Error> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let before = self.buffer.len();
        self.text.append_to(&mut self.buffer)?;
        self.ended = self.buffer.len() == before;
        Ok(!self.ended)
    }

    /// Returns the next byte that is no white space; none at the end. Marks stand where texts were appended to one another.
    fn peek(&mut self) -> Result<Option<u8>, Error> {
        loop {
            let rest = self.rest();
            let space = rest.len() - rest.trim_ascii_start().len();
            self.pass(space);
            match self.rest() {
                [0xef, ..] if self.rest().starts_with(BYTE_ORDER_MARK) => {
                    self.pass(BYTE_ORDER_MARK.len());
                }
                [] | [0xef] | [0xef, 0xbb] => {
                    if !self.fill()? {
                        return Ok(self.rest().first().copied());
                    }
                }
                [next, ..] => return Ok(Some(*next)),
            }
        }
    }

    /// Tells whether the next bytes have a line for themselves, as far as it is read.
    fn is_line(&self, bytes: usize) -> bool {
        let (object, behind) = self.rest().split_at(bytes);
        let mut behind = behind
            .iter()
            .filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
        let is_end = behind.next().is_none_or(|next| *next == b'\n');
        is_end && memchr::memchr(b'\n', object).is_none()
    }

    /// Refuses to hold more than one row may have.
    fn bounded(&self, what: &'static str) -> Result<(), Error> {
        match self.rest().len() > MAX_LINE_BYTES {
            false => Ok(()),
            true => Err(Error::TooLarge {
                what,
                limit: format!("{MAX_LINE_BYTES} bytes"),
                hint: "expected objects that are rows, or one list of them",
            }),
        }
    }
}
