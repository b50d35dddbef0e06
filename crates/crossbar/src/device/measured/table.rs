//! [`MeasuredTable`]: what was measured of a device, state by state, and how a text holds it.

use serde::{Deserialize, Serialize};

use crate::error::{CONDUCTANCES_US, TileError};

/// The columns of a measurement; all of the same length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredTable {
    /// Target conductance in µS, strictly increasing.
    pub g_target_us: Vec<f32>,
    /// Mean programmed conductance in µS, not decreasing.
    pub g_mean_us: Vec<f32>,
    /// Standard deviation of the programmed conductance in µS.
    pub g_std_us: Vec<f32>,
    /// Mean drift exponent.
    pub nu_mean: Vec<f32>,
    /// Standard deviation of the drift exponent.
    pub nu_std: Vec<f32>,
    /// Standard deviation of the read noise in µS.
    pub read_std_us: Vec<f32>,
}

/// Largest drift exponent that is believed.
const MAX_EXPONENT: f32 = 10.0;

const COLUMNS: [&str; 6] =
    ["g_target_us", "g_mean_us", "g_std_us", "nu_mean", "nu_std", "read_std_us"];

impl MeasuredTable {
    /// Reads comma-separated values: a header with the six column names in any order, then rows.
    /// Empty lines and lines that start with `#` are skipped, and so is a mark of the byte order.
    ///
    /// # Errors
    ///
    /// [`TileError::TableSyntax`] with the line of the text, the first one being 1, for an unknown,
    /// missing or repeated column, a row of another length, text that is not a number, or a value out
    /// of the range or the order of its column.
    pub fn from_csv(text: &str) -> Result<Self, TileError> {
        let syntax = |message: String| TileError::TableSyntax(message);
        let mut lines = text
            .trim_start_matches('\u{feff}')
            .lines()
            .enumerate()
            .map(|(number, line)| (number + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let (number, header) = lines.next().ok_or_else(|| syntax("no header".to_owned()))?;
        let names: Vec<&str> = header.split(',').map(str::trim).collect();
        if let Some(unknown) = names.iter().find(|name| !COLUMNS.contains(name)) {
            let hint = header_hint(header, unknown);
            return Err(syntax(format!(
                "line {number}: unknown column '{}', expected {}{hint}",
                shown(unknown),
                COLUMNS.join(", ")
            )));
        }
        let mut columns: [Vec<f32>; 6] = Default::default();
        let mut place = Vec::new();
        for name in COLUMNS {
            match names.iter().filter(|&&n| n == name).count() {
                1 => place.push(names.iter().position(|&n| n == name).unwrap_or_default()),
                n => return Err(syntax(format!("column '{name}' appears {n} times, not once"))),
            }
        }
        let mut line_of_row = Vec::new();
        for (number, line) in lines {
            line_of_row.push(number);
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            if fields.len() != names.len() {
                let (found, expected) = (fields.len(), names.len());
                let hint = row_hint(line);
                return Err(syntax(format!("line {number}: {found} values, not {expected}{hint}")));
            }
            for (column, &at) in columns.iter_mut().zip(&place) {
                let value = fields[at].parse().map_err(|_| {
                    syntax(format!("line {number}: '{}' is not a number", shown(fields[at])))
                })?;
                column.push(value);
            }
        }
        let [g_target_us, g_mean_us, g_std_us, nu_mean, nu_std, read_std_us] = columns;
        let table = Self { g_target_us, g_mean_us, g_std_us, nu_mean, nu_std, read_std_us };
        match table.check() {
            Err(TileError::Table { column, row, value, problem }) => {
                let line = line_of_row[row - 1];
                Err(syntax(format!("line {line}, column {column}: {value} {problem}")))
            }
            checked => checked.map(|()| table),
        }
    }

    /// Row and share of the next row for a target; targets outside the table count as its ends.
    pub(super) fn place(&self, target_us: f32) -> (usize, f32) {
        let g = &self.g_target_us;
        let row = g.partition_point(|&g| g <= target_us).clamp(1, g.len() - 1) - 1;
        let share = (target_us - g[row]) / (g[row + 1] - g[row]);
        (row, share.clamp(0.0, 1.0))
    }

    fn columns(&self) -> [(&'static str, &[f32]); 6] {
        let Self { g_target_us, g_mean_us, g_std_us, nu_mean, nu_std, read_std_us } = self;
        let columns = [g_target_us, g_mean_us, g_std_us, nu_mean, nu_std, read_std_us];
        std::array::from_fn(|i| (COLUMNS[i], columns[i].as_slice()))
    }

    pub(crate) fn check(&self) -> Result<(), TileError> {
        let rows = self.g_target_us.len();
        if rows < 2 {
            return Err(TileError::TableSyntax(format!("{rows} rows, at least 2 are needed")));
        }
        for (column, values) in self.columns() {
            if values.len() != rows {
                let found = values.len();
                let message = format!("column {column} has {found} values, g_target_us {rows}");
                return Err(TileError::TableSyntax(message));
            }
            let bad = |row: usize, problem| TileError::Table {
                column,
                row: row + 1,
                value: f64::from(values[row]),
                problem,
            };
            if let Some(row) = values.iter().position(|v| !v.is_finite()) {
                return Err(bad(row, "is not finite"));
            }
            // A mean drift exponent may be negative; everything else is a magnitude.
            if column != "nu_mean"
                && let Some(row) = values.iter().position(|&v| v < 0.0)
            {
                return Err(bad(row, "is negative"));
            }
            for row in 1..rows {
                if column == "g_target_us" && values[row] <= values[row - 1] {
                    return Err(bad(row, "does not exceed the row before"));
                }
                if column == "g_mean_us" && values[row] < values[row - 1] {
                    return Err(bad(row, "lies below the row before"));
                }
            }
            let (limit, problem) = if column.ends_with("_us") {
                (*CONDUCTANCES_US.end(), "is above 100000: is it in µS?")
            } else {
                (MAX_EXPONENT, "is no drift exponent: it lies outside [-10, 10]")
            };
            if let Some(row) = values.iter().position(|v| v.abs() > limit) {
                return Err(bad(row, problem));
            }
            if column == "g_target_us" && values[rows - 1] < *CONDUCTANCES_US.start() {
                return Err(bad(rows - 1, "is below 0.001, though the largest: is it in µS?"));
            }
        }
        Ok(())
    }
}

/// Text in a message: what cannot be seen is escaped, and what is long is cut.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        shown.push('…');
    }
    shown
}

/// Why a header has an unknown column, if that can be told.
fn header_hint(header: &str, unknown: &str) -> String {
    let separator = [(';', "semicolons"), ('\t', "tabs")];
    if let Some((_, what)) = separator.iter().find(|(separator, _)| header.contains(*separator)) {
        return format!("; columns are separated by commas, not by {what}");
    }
    if unknown.is_empty() {
        return "; the header ends with a comma or has two in a row".to_owned();
    }
    let plain = |name: &str| name.replace(['"', '\''], "").replace(['µ', 'μ'], "u").to_lowercase();
    match COLUMNS.iter().find(|name| **name == plain(unknown)) {
        Some(name) => format!("; names are written exactly so, without quotes: {name}"),
        None => String::new(),
    }
}

/// Why a row has more or fewer values than columns, if that can be told.
fn row_hint(line: &str) -> &'static str {
    if line.contains([';', '\t']) {
        "; values are separated by commas and have decimal points"
    } else if line.ends_with(',') {
        "; the line ends with a comma"
    } else if line.contains('#') {
        "; a comment has a line of its own"
    } else {
        "; is a comma a decimal point or a separator of thousands?"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> MeasuredTable {
        MeasuredTable {
            g_target_us: vec![1.0, 10.0, 20.0],
            g_mean_us: vec![1.5, 9.5, 18.0],
            g_std_us: vec![0.0; 3],
            nu_mean: vec![0.1, 0.05, 0.05],
            nu_std: vec![0.0; 3],
            read_std_us: vec![0.0; 3],
        }
    }

    #[test]
    fn a_target_that_does_not_increase_is_refused_with_its_place() {
        let mut bad = table();
        bad.g_target_us[2] = 10.0;
        let error = bad.check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "table column g_target_us, row 3: 10 does not exceed the row before"
        );
    }

    #[test]
    fn a_mean_that_falls_is_refused() {
        let mut bad = table();
        bad.g_mean_us[1] = 1.0;
        let error = bad.check().unwrap_err().to_string();
        assert_eq!(error, "table column g_mean_us, row 2: 1 lies below the row before");
    }

    #[test]
    fn text_that_is_no_table_is_refused() {
        let header = "g_target_us,g_mean_us,g_std_us,nu_mean,nu_std,read_std_us";
        for (text, message) in [
            ("", "table: no header"),
            ("a,b", "table: line 1: unknown column 'a'"),
            ("g_target_us", "table: column 'g_mean_us' appears 0 times, not once"),
            (&format!("{header}\n1,2,3"), "table: line 2: 3 values, not 6"),
            (&format!("{header}\n1,2,3,4,x,6"), "table: line 2: 'x' is not a number"),
        ] {
            let error = MeasuredTable::from_csv(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    const TABLE: &str = "g_target_us,g_mean_us,g_std_us,nu_mean,nu_std,read_std_us\n\
                         0,0.5,0.3,0.1,0.02,0.05\n20,18.5,0.9,0.05,0.01,0.15\n";

    #[test]
    fn a_mark_of_the_byte_order_is_skipped() {
        let table = MeasuredTable::from_csv(&format!("\u{feff}{TABLE}")).unwrap();
        assert_eq!(table, MeasuredTable::from_csv(TABLE).unwrap());
    }

    #[test]
    fn a_text_that_others_write_is_refused_with_the_reason() {
        let semicolons = TABLE.replace(',', ";").replace('.', ",");
        let decimal_commas = TABLE.replace("18.5", "18,5");
        for (text, message) in [
            (semicolons.as_str(), "separated by commas, not by semicolons"),
            (&TABLE.replace(',', "\t"), "separated by commas, not by tabs"),
            (&decimal_commas, "line 3: 7 values, not 6; is a comma a decimal point"),
            (
                &TABLE.replace("g_std_us", "G_std_µS"),
                "names are written exactly so, without quotes",
            ),
            (&TABLE.replace("nu_mean", "\"nu_mean\""), "names are written exactly so"),
            (&TABLE.replacen('\n', ",\n", 1), "the header ends with a comma"),
            (&TABLE.replace("0.05\n", "0.05,\n"), "line 2: 7 values, not 6; the line ends with a"),
            (&TABLE.replace("0.05\n", "0.05, # x\n"), "a comment has a line of its own"),
            (&TABLE.replace("0.02", "n/a"), "line 2: 'n/a' is not a number"),
            (&"a,".repeat(1000), "'a'"),
            (&"a".repeat(1000), "a…'"),
        ] {
            let error = MeasuredTable::from_csv(text).unwrap_err().to_string();
            assert!(error.contains(message) && error.len() < 300, "{error}");
        }
    }

    /// Comments and empty lines count: it is the line of the text.
    #[test]
    fn a_value_of_a_text_is_refused_with_its_line() {
        let text = TABLE.replace("20,18.5", "# second\n\n0,18.5");
        let error = MeasuredTable::from_csv(&text).unwrap_err().to_string();
        let expected = "table: line 5, column g_target_us: 0 does not exceed the row before";
        assert_eq!(error, expected);
    }

    #[test]
    fn conductances_in_siemens_are_refused() {
        let text = TABLE.replace("20,18.5", "2e-5,1.85e-5").replace("0,0.5", "0,5e-7");
        let error = MeasuredTable::from_csv(&text).unwrap_err().to_string();
        assert!(
            error.contains("line 3, column g_target_us") && error.contains("in µS?"),
            "{error}"
        );
        let text = TABLE.replace("20,18.5", "2e7,1.85e7");
        let error = MeasuredTable::from_csv(&text).unwrap_err().to_string();
        assert!(error.contains("is above 100000: is it in µS?"), "{error}");
    }
}
