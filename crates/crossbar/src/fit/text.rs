//! Laboratory files as instruments and spreadsheets write them: which bytes are text, where the table begins,
//! what separates its values, what a number is.

use super::column::{Column, NoUnit, Scale, conductance_us};
use super::error::FitError;
use super::readings::{Readings, State};

/// How many lines a message names.
const NAMED: usize = 3;

/// Words of instruments and spreadsheets for a value that is not there.
const MISSING: [&str; 15] = [
    "", "-", "--", "n/a", "na", "#n/a", "nan", "null", "none", "inf", "-inf", "overflow", "ovld",
    "#value!", "#div/0!",
];

/// Adds the rows of a file to what has been read.
///
/// # Errors
///
/// [`FitError`] with the place for a text without a table of readings and for a value that is none.
pub(super) fn read(file: &str, bytes: &[u8], readings: &mut Readings) -> Result<(), FitError> {
    let text = decode(bytes).ok_or_else(|| FitError::File {
        file: file.to_owned(),
        problem: "is no text: it has zero bytes, and no mark of UTF-16".to_owned(),
    })?;
    Table::find(file, &text)?.read(readings)
}

/// The text, its lines ended by `\n`; `None` for bytes that are none.
fn decode(bytes: &[u8]) -> Option<String> {
    let text = characters(bytes)?;
    Some(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
}

/// UTF-8, UTF-16 with its mark, or else Latin-1, whose µ many instruments write.
fn characters(bytes: &[u8]) -> Option<String> {
    let utf_16 = |of: fn([u8; 2]) -> u16| {
        let words = bytes[2..].chunks_exact(2).map(|pair| of([pair[0], pair[1]]));
        char::decode_utf16(words).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xff, 0xfe, ..] => return Some(utf_16(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => return Some(utf_16(u16::from_be_bytes)),
        _ if bytes.contains(&0) => return None,
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    })
}

/// A table of readings in a text.
struct Table<'a> {
    file: &'a str,
    /// The line of the header, the first one being 1.
    header: u64,
    /// What follows it.
    rows: &'a str,
    separator: u8,
    columns: Vec<Column>,
}

impl<'a> Table<'a> {
    /// The first line that has a heading of a conductance; what stands before it describes the measurement.
    fn find(file: &'a str, text: &'a str) -> Result<Self, FitError> {
        let mut problem = None;
        let mut end = 0;
        for (line, header) in (1..).zip(text.split('\n')) {
            end += header.len() + 1;
            if is_comment(header) {
                continue;
            }
            let separators = [b';', b'\t', b',', b'|'];
            let read = separators.iter().filter(|&&s| header.contains(char::from(s)));
            for &separator in read {
                let headings: Vec<_> =
                    header.split(char::from(separator)).map(Column::of).collect();
                let missing: Option<NoUnit> = headings.iter().find_map(|column| column.err());
                let columns: Vec<Column> =
                    headings.into_iter().map(|column| column.unwrap_or(Column::Other)).collect();
                let has = |is: fn(&Column) -> bool| columns.iter().any(is);
                let measured = has(|c| matches!(c, Column::Conductance(_)));
                let aimed = has(|c| matches!(c, Column::Target(_) | Column::Pulse));
                let at = |problem: String| FitError::Line { file: file.to_owned(), line, problem };
                match (missing, measured, aimed) {
                    (None, true, true) => {
                        let table = Self {
                            file,
                            header: line,
                            rows: text.get(end..).unwrap_or(""),
                            separator,
                            columns,
                        };
                        return table.checked();
                    }
                    (Some(missing), _, _) => {
                        let example = missing.example;
                        problem.get_or_insert(at(format!(
                            "a heading names no known unit; write it as in '{example}'"
                        )));
                    }
                    (None, true, false) => {
                        problem.get_or_insert(at(
                            "no column says what was programmed; one of 'target (µS)' and 'pulse' does".to_owned(),
                        ));
                    }
                    _ => {}
                }
            }
        }
        Err(problem.unwrap_or_else(|| FitError::File {
            file: file.to_owned(),
            problem: "has no line with headings of at least a target or pulse and a conductance, as \
                      'device, target (µS), time (s), conductance (µS)', separated by commas, semicolons, tabs or |"
                .to_owned(),
        }))
    }

    /// No quantity twice, no conductance without a unit.
    fn checked(self) -> Result<Self, FitError> {
        let refuse = |problem: String| {
            Err(FitError::Line { file: self.file.to_owned(), line: self.header, problem })
        };
        let count = |is: fn(&Column) -> bool| self.columns.iter().filter(|c| is(c)).count();
        for (what, times) in [
            ("a target", count(|c| matches!(c, Column::Target(_)))),
            ("a pulse", count(|c| matches!(c, Column::Pulse))),
            ("a time", count(|c| matches!(c, Column::Time(_)))),
            ("a conductance", count(|c| matches!(c, Column::Conductance(_)))),
            ("a unit", count(|c| matches!(c, Column::Unit))),
        ] {
            if times > 1 {
                return refuse(format!(
                    "{times} columns hold {what}; rename those that are not meant"
                ));
            }
        }
        let open =
            count(|c| matches!(c, Column::Target(Scale::Open) | Column::Conductance(Scale::Open)));
        if open > 0 && count(|c| matches!(c, Column::Unit)) == 0 {
            return refuse(
                "a conductance has no unit; write it in its heading, as in 'conductance (µS)' and 'target (µS)'"
                    .to_owned(),
            );
        }
        Ok(self)
    }

    fn read(&self, readings: &mut Readings) -> Result<(), FitError> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(self.separator)
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(self.rows.as_bytes());
        let mut record = csv::StringRecord::new();
        let mut skipped = Skipped::default();
        loop {
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let line = self.header + error.position().map_or(0, csv::Position::line);
                    return Err(self.at(line, "cannot be read as a row".to_owned()));
                }
            }
            let line = self.header + record.position().map_or(0, csv::Position::line);
            let blank = record.iter().all(str::is_empty);
            if blank || record.get(0).is_some_and(is_comment) {
                continue;
            }
            match self.row(&record, line)? {
                Some(row) => readings.push_row(row),
                None => skipped.add(line),
            }
        }
        if let Some(words) = skipped.words(self.file) {
            readings.note(words);
        }
        Ok(())
    }

    fn at(&self, line: u64, problem: String) -> FitError {
        FitError::Line { file: self.file.to_owned(), line, problem }
    }

    /// A row; `None` where a value that it needs is missing.
    fn row(&self, record: &csv::StringRecord, line: u64) -> Result<Option<Row>, FitError> {
        if record.len() > self.columns.len()
            && record.iter().skip(self.columns.len()).any(|v| !v.is_empty())
        {
            let (found, expected) = (record.len(), self.columns.len());
            let hint = if self.separator == b',' {
                "; is a comma a decimal point? Then separate values by semicolons"
            } else {
                ""
            };
            return Err(self.at(line, format!("{found} values under {expected} headings{hint}")));
        }
        let unit = self.columns.iter().zip(record).find(|(c, _)| matches!(c, Column::Unit));
        let open = match unit {
            Some((_, "")) => return Ok(None),
            Some((_, unit)) => Some(conductance_us(unit).ok_or_else(|| {
                self.at(
                    line,
                    format!("'{}' is none of S, mS, µS, nS, Ohm, kOhm, MOhm, GOhm", shown(unit)),
                )
            })?),
            None => None,
        };
        let scaled = |scale: Scale, value: f64| match scale {
            Scale::Open => open.map_or(f64::NAN, |scale| scale.of(value)),
            scale => scale.of(value),
        };
        let has_time = self.columns.iter().any(|c| matches!(c, Column::Time(_)));
        let mut device = String::new();
        let (mut state, mut t_s, mut g_us) = (None, (!has_time).then_some(0.0), None);
        for (column, text) in self.columns.iter().zip(record) {
            match *column {
                Column::Device => {
                    if !device.is_empty() {
                        device.push('/');
                    }
                    device.push_str(text);
                }
                Column::Pulse => state = (!text.is_empty()).then(|| State::Pulse(text.to_owned())),
                Column::Target(scale) => {
                    let target = self.number(text, line)?.map(|value| scaled(scale, value));
                    // A target says more than the pulse that it took.
                    if let Some(target) = target {
                        if !(0.0..=1e5).contains(&target) {
                            return Err(self.at(
                                line,
                                format!("a target of {target} µS is not in [0, 100000]"),
                            ));
                        }
                        state = Some(State::Target(target));
                    }
                }
                Column::Time(factor) => {
                    t_s = self.number(text, line)?.map(|value| value * factor);
                    if t_s.is_some_and(|t_s| t_s < 0.0) {
                        return Err(
                            self.at(line, format!("the time {text} lies before programming"))
                        );
                    }
                }
                Column::Conductance(scale) => {
                    // An infinite resistance is no conductance, and 0 Ω is a short.
                    let g = self.number(text, line)?.map(|value| scaled(scale, value));
                    g_us = g.filter(|g| g.is_finite());
                }
                Column::Unit | Column::Other => {}
            }
        }
        let (Some(state), Some(t_s), Some(g_us)) = (state, t_s, g_us) else { return Ok(None) };
        if g_us.abs() > 1e5 {
            return Err(self.at(
                line,
                format!("{g_us} µS is no conductance of a memory device: is the unit right?"),
            ));
        }
        let device = if device.is_empty() { format!("{}:{line}", self.file) } else { device };
        Ok(Some(Row { device, state, t_s, g_us }))
    }

    /// A number; `None` where it is missing.
    fn number(&self, text: &str, line: u64) -> Result<Option<f64>, FitError> {
        if MISSING.contains(&text.to_lowercase().as_str()) {
            return Ok(None);
        }
        let plain = text.replace('−', "-");
        let plain = match (self.separator, plain.contains(','), plain.contains('.')) {
            (b',', _, _) | (_, false, _) => plain,
            (_, true, false) => plain.replace(',', "."),
            (_, true, true) => {
                let problem =
                    format!("'{}' has a comma and a point: which is the decimal one?", shown(text));
                return Err(self.at(line, problem));
            }
        };
        match plain.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            Ok(_) => Ok(None),
            Err(_) => Err(self.at(line, format!("'{}' is not a number", shown(text)))),
        }
    }
}

/// One reading.
pub(super) struct Row {
    pub(super) device: String,
    pub(super) state: State,
    pub(super) t_s: f64,
    pub(super) g_us: f64,
}

/// Rows that lack a value.
#[derive(Default)]
struct Skipped {
    count: usize,
    first: Vec<u64>,
}

impl Skipped {
    fn add(&mut self, line: u64) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(line);
        }
    }

    fn words(&self, file: &str) -> Option<String> {
        let lines: Vec<String> = self.first.iter().map(u64::to_string).collect();
        let more = if self.count > self.first.len() { ", …" } else { "" };
        (self.count > 0).then(|| {
            let rows = if self.count == 1 { "row lacks" } else { "rows lack" };
            format!(
                "{file}: {} {rows} a value and went unused (line {}{more})",
                self.count,
                lines.join(", ")
            )
        })
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["#", "%", "!", "//"].iter().any(|mark| line.starts_with(mark))
}

/// Text in a message: what cannot be seen is escaped, and what is long is cut.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        shown.push('…');
    }
    shown
}
