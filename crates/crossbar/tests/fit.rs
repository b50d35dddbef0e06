//! Data drawn from a device of known properties: they come back, within their intervals as often as these say.

use crossbar::device::{
    AcceptanceRange, Device, Draws, Hermes, HermesDevices, Measured, MeasuredConfig, MeasuredTable,
    Pcm, PcmAihwkit, Programmed, ReRamCmo, ReRamWan, StateIndependent,
};
use crossbar::fit::{DeviceFit, FitOptions, Interval, Level, Readings, State};
use numerics::{Par, Seed};

/// A device with the way in which it is measured.
struct Case {
    name: &'static str,
    device: Box<dyn Device>,
    targets_us: Vec<f32>,
    t_s: Vec<f64>,
    t0_s: f64,
    t_read_s: Option<f64>,
    /// Whether its read noise is that of the fit's model.
    reads: bool,
}

const DEVICES: usize = 60;
const TIMES_S: [f64; 6] = [1.0, 60.0, 3600.0, 86_400.0, 1e6, 1e7];

impl Case {
    fn drifting(name: &'static str, device: impl Device + 'static, t0_s: f64) -> Self {
        let g_max = device.g_max_us();
        let targets_us = [0.3, 0.5, 0.75, 1.0].map(|r| r * g_max).to_vec();
        let t_read_s = Some(250e-9);
        Self {
            name,
            device: Box::new(device),
            targets_us,
            t_s: TIMES_S.to_vec(),
            t0_s,
            t_read_s,
            reads: true,
        }
    }

    /// What its read noise is has another dependence on time or conductance than the model of a fit.
    fn reading_otherwise(self) -> Self {
        Self { reads: false, ..self }
    }

    /// Three reads within a second, before a device that has no power law has changed.
    fn at_once(name: &'static str, device: impl Device + 'static) -> Self {
        let (low, high) = (device.g_min_us(), device.g_max_us());
        let targets_us = [0.3, 0.5, 0.75, 1.0].map(|r| low + r * (high - low) * 0.9).to_vec();
        let t_s = vec![1.0; 3];
        Self {
            name,
            device: Box::new(device),
            targets_us,
            t_s,
            t0_s: 20.0,
            t_read_s: None,
            reads: false,
        }
    }

    /// Conductances of `devices` devices of a target, (device, time).
    fn measured(&self, target_us: f32, devices: usize, seed: Seed) -> Vec<Vec<f64>> {
        let (programmed, parameter) = self.programmed(target_us, devices, seed);
        let target = vec![target_us; devices];
        let state =
            Programmed { target_us: &target, programmed_us: &programmed, parameter: &parameter };
        let mut readings = vec![Vec::new(); devices];
        for (index, &t_s) in self.t_s.iter().enumerate() {
            let mut g = vec![0.0; devices];
            self.device.drift(state, t_s, &mut g);
            self.device.read(state, t_s, &Draws::new(seed.child("read").child(index), 0), &mut g);
            readings.iter_mut().zip(g).for_each(|(reading, g)| reading.push(f64::from(g)));
        }
        readings
    }

    fn programmed(&self, target_us: f32, devices: usize, seed: Seed) -> (Vec<f32>, Vec<f32>) {
        let (mut programmed, mut parameter) = (vec![0.0; devices], vec![0.0; devices]);
        let draws = Draws::new(seed.child("programming"), 0);
        self.device.program(&vec![target_us; devices], &draws, &mut programmed, &mut parameter);
        (programmed, parameter)
    }

    fn readings(&self, seed: Seed) -> Readings {
        let mut readings = Readings::default();
        for (level, &target) in self.targets_us.iter().enumerate() {
            for (device, g) in self.measured(target, DEVICES, seed.child(level)).iter().enumerate()
            {
                for (&t_s, &g) in self.t_s.iter().zip(g) {
                    let name = format!("{level}/{device}");
                    readings.push(&name, State::Target(f64::from(target)), t_s, g);
                }
            }
        }
        readings
    }

    fn options(&self, held_out: f64) -> FitOptions {
        FitOptions {
            t0_s: Some(self.t0_s),
            t_read_s: self.t_read_s,
            held_out,
            ..FitOptions::default()
        }
    }

    /// Mean and spread of conductance and exponent, of 400,000 devices; and the read noise, of the differences that
    /// it makes to them.
    fn truth(&self, target_us: f32) -> Truth {
        let seed = Seed::new(77);
        let drifts = self.t_s[0] != self.t_s[self.t_s.len() - 1];
        let (g, nu) = self.programmed(target_us, 400_000, seed);
        let state =
            Programmed { target_us: &vec![target_us; g.len()], programmed_us: &g, parameter: &nu };
        let mut quiet = vec![0.0; g.len()];
        self.device.drift(state, self.t_s[0], &mut quiet);
        let mut noisy = quiet.clone();
        self.device.read(state, self.t_s[0], &Draws::new(seed.child("truth"), 0), &mut noisy);
        let noise: Vec<f32> =
            noisy.iter().zip(&quiet).map(|(noisy, quiet)| noisy - quiet).collect();
        let growth = |t_read: f64| ((self.t_s[0] + t_read) / (2.0 * t_read)).ln().sqrt();
        let read = moments(&noise)[1] / self.t_read_s.map_or(1.0, growth);
        if drifts {
            Truth { g: moments(&g), nu: Some(moments(&nu)), read }
        } else {
            Truth { g: moments(&quiet), nu: None, read }
        }
    }
}

struct Truth {
    g: [f64; 2],
    nu: Option<[f64; 2]>,
    read: f64,
}

fn moments(values: &[f32]) -> [f64; 2] {
    let n = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let squares = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>();
    [mean, (squares / n).sqrt()]
}

/// How often an interval holds the truth, and the mean of what was found.
#[derive(Default)]
struct Tally {
    hits: usize,
    count: usize,
    sum: f64,
}

impl Tally {
    fn add(&mut self, interval: Interval, truth: f64) {
        // Rounding of f32 conductances, where nothing else scatters.
        let slack = 1e-5 * truth.abs() + 1e-6;
        let wide = Interval { low: interval.low - slack, high: interval.high + slack, ..interval };
        self.hits += usize::from(wide.contains(truth));
        self.count += 1;
        self.sum += interval.value;
    }
}

/// Fits `fits` times, and asks of every property whether its interval holds the truth in 95 % of the fits.
fn comes_back(case: &Case, fits: usize) {
    let truths: Vec<Truth> = case.targets_us.iter().map(|&target| case.truth(target)).collect();
    let mut found: Vec<Option<DeviceFit>> = (0..fits).map(|_| None).collect();
    Par::Rayon.for_each_chunk(&mut found, 1, |fit, found| {
        let readings = case.readings(Seed::new(fit as u64));
        found[0] = Some(DeviceFit::fit(&readings, &case.options(0.0), Par::Seq).unwrap());
    });
    let found: Vec<DeviceFit> = found.into_iter().flatten().collect();
    type Found = fn(&Level) -> Option<Interval>;
    type True = fn(&Truth) -> Option<f64>;
    let properties: [(&str, Found, True); 5] = [
        ("mean of g", |l| Some(l.g_mean_us), |t| Some(t.g[0])),
        ("std of g", |l| Some(l.g_std_us), |t| Some(t.g[1])),
        ("mean of ν", |l| l.nu_mean, |t| t.nu.map(|nu| nu[0])),
        ("std of ν", |l| l.nu_std, |t| t.nu.map(|nu| nu[1])),
        ("read noise", |l| l.read_std_us, |t| Some(t.read)),
    ];
    for (name, found_of, truth_of) in properties {
        if name == "read noise" && !case.reads {
            continue;
        }
        let mut all = Tally::default();
        for (level, truth) in truths.iter().enumerate() {
            let mut tally = Tally::default();
            let Some(truth) = truth_of(truth) else { continue };
            for fit in &found {
                let interval = found_of(&fit.levels[level]).expect("it was measured");
                tally.add(interval, truth);
                all.add(interval, truth);
            }
            eprintln!(
                "{}, {} µS: {name} {truth:.5}, found {:.5}, {} of {}",
                case.name,
                case.targets_us[level],
                tally.sum / tally.count as f64,
                tally.hits,
                tally.count
            );
        }
        if all.count == 0 {
            continue;
        }
        // Four standard errors of a share of 95 %, and two points, by which resampling 60 devices is known to be
        // off.
        let share = all.hits as f64 / all.count as f64;
        let error = (0.95 * 0.05 / all.count as f64).sqrt();
        assert!(
            share > 0.95 - 0.02 - 4.0 * error,
            "{}: {name} lies within {share} of its intervals",
            case.name
        );
    }
}

fn table() -> Measured {
    let table = MeasuredTable {
        g_target_us: vec![0.0, 10.0, 20.0],
        g_mean_us: vec![0.5, 9.5, 18.0],
        g_std_us: vec![0.2, 0.5, 0.6],
        nu_mean: vec![0.1, 0.05, 0.03],
        nu_std: vec![0.02, 0.01, 0.01],
        read_std_us: vec![0.05, 0.1, 0.2],
    };
    Measured::of(MeasuredConfig {
        error_drift_correlation: -0.5,
        ..MeasuredConfig::new(table, 20.0, None)
    })
    .unwrap()
}

#[test]
fn phase_change_memory_comes_back() {
    comes_back(&Case::drifting("pcm", Pcm::paper(), 20.0), 200);
}

#[test]
fn resistive_memory_comes_back() {
    comes_back(&Case::at_once("reram-wan", ReRamWan::paper()), 200);
}

#[test]
fn every_other_model_comes_back() {
    let measured = Case { t_read_s: None, ..Case::drifting("measured", table(), 20.0) };
    for case in [
        Case::drifting("pcm-aihwkit", PcmAihwkit(Pcm::paper()), 20.0).reading_otherwise(),
        Case::drifting("hermes-one", Hermes::chip(HermesDevices::One), 200.0).reading_otherwise(),
        Case::drifting("hermes-two", Hermes::chip(HermesDevices::Two), 300.0).reading_otherwise(),
        Case::drifting("state-independent", StateIndependent::aihwkit(), 20.0).reading_otherwise(),
        measured,
        Case::at_once("reram-cmo", ReRamCmo::measured(AcceptanceRange::Wide)),
    ] {
        comes_back(&case, 60);
    }
}

/// The device of a fit is one from which the same data might have come.
#[test]
fn devices_that_were_held_out_are_predicted() {
    for case in [
        Case::drifting("pcm", Pcm::paper(), 20.0),
        Case { t_read_s: None, ..Case::drifting("measured", table(), 20.0) },
    ] {
        let mut readings = Readings::default();
        for (level, &target) in case.targets_us.iter().enumerate() {
            for (device, g) in
                case.measured(target, 500, Seed::new(9).child(level)).iter().enumerate()
            {
                for (&t_s, &g) in case.t_s.iter().zip(g) {
                    readings.push(
                        &format!("{level}/{device}"),
                        State::Target(f64::from(target)),
                        t_s,
                        g,
                    );
                }
            }
        }
        let fit = DeviceFit::fit(&readings, &case.options(0.2), Par::Rayon).unwrap();
        let held = fit.held_out.as_ref().unwrap();
        assert_eq!(held.devices, 400);
        for coverage in [held.first, held.last, held.ratio] {
            // Four standard errors of 400: 0.1 and 0.06.
            assert!((coverage.share_50() - 0.5).abs() < 0.1, "{}: {held:?}", case.name);
            assert!((coverage.share_90() - 0.9).abs() < 0.06, "{}: {held:?}", case.name);
        }
        assert_eq!(
            fit.warnings.len(),
            1 + usize::from(fit.levels[0].target_us > 1.0),
            "{:?}",
            fit.warnings
        );
    }
}

/// The correlation that was drawn, and the device that has it.
#[test]
fn errors_that_go_with_exponents_are_found() {
    let case = Case { t_read_s: None, ..Case::drifting("measured", table(), 20.0) };
    let mut readings = Readings::default();
    for (level, &target) in case.targets_us.iter().enumerate() {
        for (device, g) in case.measured(target, 400, Seed::new(3).child(level)).iter().enumerate()
        {
            for (&t_s, &g) in case.t_s.iter().zip(g) {
                readings.push(
                    &format!("{level}/{device}"),
                    State::Target(f64::from(target)),
                    t_s,
                    g,
                );
            }
        }
    }
    let fit = DeviceFit::fit(&readings, &case.options(0.2), Par::Rayon).unwrap();
    let correlation = fit.correlation.unwrap();
    assert!(correlation.contains(-0.5) && correlation.high < -0.3, "{correlation:?}");
    assert!((fit.measured().error_drift_correlation + 0.5).abs() < 0.1);
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let case = Case::drifting("pcm", Pcm::paper(), 20.0);
    let readings = case.readings(Seed::new(1));
    let fits = [Par::Seq, Par::Rayon].map(|par| {
        serde_json::to_string(&DeviceFit::fit(&readings, &case.options(0.2), par).unwrap()).unwrap()
    });
    assert_eq!(fits[0], fits[1]);
}

/// Three files of one chip as three instruments would write them: other separators, decimal commas, units and
/// encodings, readings that are missing, spikes, and devices that are stuck.
struct Hostile {
    files: [(String, Vec<u8>); 3],
    spikes: usize,
    missing: usize,
}

const HOSTILE_DEVICES: usize = 150;

impl Hostile {
    fn new(case: &Case, seed: Seed) -> Self {
        let mut files = [
            "Instrument;B1500\r\nDate;2026-03-01\r\n\r\nDevice;Target (\u{b5}S);Time (min);G (\u{b5}S);Operator\r\n".to_owned(),
            "# second chip, as resistances\ncell\tsite\ttarget [nS]\telapsed [ms]\tR (kOhm)\n".to_owned(),
            "\u{feff}\"id\",\"g_target_us\",\"t_s\",\"measured\",\"unit\"\n".to_owned(),
        ];
        let (mut spikes, mut missing) = (0, 0);
        for (level, &target) in case.targets_us.iter().enumerate() {
            let g = case.measured(target, HOSTILE_DEVICES, seed.child(level));
            for (device, readings) in g.iter().enumerate() {
                let file = device % 3;
                // Of a hundred devices one is stuck at the lowest conductance and one at the highest.
                let stuck = [(0, case.targets_us[0]), (1, case.targets_us[3])]
                    .into_iter()
                    .find(|&(at, end)| device % 50 == 10 + at && end != target && level != 0)
                    .map(|(_, end)| f64::from(end));
                for (reading, (&t_s, &g)) in case.t_s.iter().zip(readings).enumerate() {
                    let mut g = stuck.map_or(g, |end| end * (1.0 + 1e-3 * reading as f64));
                    if device % 30 == 7 && reading == 2 {
                        (g, spikes) = (3.0 * g, spikes + 1);
                    }
                    let lost = device % 20 == 3 && reading == 4;
                    missing += usize::from(lost);
                    let line = match file {
                        0 => {
                            let g = if lost { "n/a".to_owned() } else { format!("{g:.6}") };
                            format!("{level}-{device};{target};{};{g};me\r\n", t_s / 60.0)
                                .replace('.', ",")
                        }
                        1 => {
                            let r =
                                if lost { "OVLD".to_owned() } else { format!("{:.6}", 1e3 / g) };
                            format!("{level}\t{device}\t{}\t{}\t{r}\n", target * 1e3, t_s * 1e3)
                        }
                        _ => {
                            let (g, unit) =
                                if device % 2 == 0 { (g * 1e3, "nS") } else { (g * 1e-6, "S") };
                            let g = if lost { String::new() } else { format!("{g:e}") };
                            format!("{level}/{device},{target},{t_s},{g},{unit}\n")
                        }
                    };
                    files[file].push_str(&line);
                }
            }
        }
        let [first, second, third] = files;
        // The first one in Latin-1, the second one in UTF-16.
        let latin = first.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let wide =
            [0xfeff].into_iter().chain(second.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let files = [("a.csv", latin), ("b.txt", wide), ("c.csv", third.into_bytes())];
        Self { files: files.map(|(name, bytes)| (name.to_owned(), bytes)), spikes, missing }
    }

    fn readings(&self) -> Readings {
        let mut readings = Readings::default();
        for (name, bytes) in &self.files {
            readings.read(name, bytes).unwrap();
        }
        readings
    }
}

#[test]
fn hostile_files_give_the_device_that_they_are_of() {
    let case = Case::drifting("hostile", Pcm::paper(), 20.0);
    let hostile = Hostile::new(&case, Seed::new(12));
    let readings = hostile.readings();
    assert_eq!(readings.devices().len(), 4 * HOSTILE_DEVICES);
    assert_eq!(readings.len(), 4 * HOSTILE_DEVICES * 6 - hostile.missing);
    assert_eq!(readings.notes().len(), 3, "{:?}", readings.notes());

    let fit = DeviceFit::fit(&readings, &case.options(0.2), Par::Rayon).unwrap();
    assert_eq!(fit.outliers, hostile.spikes, "{:?}", fit.warnings);
    let of_level = |of: fn(&Level) -> Interval| fit.levels.iter().map(of).collect::<Vec<_>>();
    for (level, target) in case.targets_us.iter().enumerate() {
        let truth = case.truth(*target);
        // Half as far again as the interval: 16 of them at once.
        let holds = |found: Interval, truth: f64| {
            let half = 0.75 * (found.high - found.low);
            assert!((found.value - truth).abs() < half, "{target} µS: {found:?}, not {truth}");
        };
        holds(of_level(|l| l.g_mean_us)[level], truth.g[0]);
        holds(of_level(|l| l.g_std_us)[level], truth.g[1]);
        holds(fit.levels[level].nu_mean.unwrap(), truth.nu.unwrap()[0]);
        holds(fit.levels[level].nu_std.unwrap(), truth.nu.unwrap()[1]);
        holds(fit.levels[level].read_std_us.unwrap(), truth.read);
    }
    // Three devices of each of the states in question; the lowest state is too near to the second one for its own.
    assert!(
        fit.stuck.at_g_max.contains(0.02) && fit.stuck.at_reset.contains(0.02),
        "{:?}",
        fit.stuck
    );
    assert_eq!(fit.stuck.elsewhere.value, 0.0, "{:?}", fit.stuck);
    let held = fit.held_out.unwrap();
    assert!(held.first.is_right() && held.last.is_right() && held.ratio.is_right(), "{held:?}");
}

#[test]
fn files_that_are_no_measurements_are_refused_with_what_to_write() {
    const HEADER: &str = "device,target (µS),time (s),G (µS)\n";
    let row = |row: &str| format!("{HEADER}a,10,1,9.5\n{row}\n");
    for (text, messages) in [
        (String::new(), vec!["x.csv: has no line with headings"]),
        ("1,2,3\n4,5,6\n".to_owned(), vec!["x.csv: has no line with headings", "conductance (µS)"]),
        (HEADER.replace("time (s)", "time"), vec!["line 1", "no known unit", "'time (s)'"]),
        (
            HEADER.replace("G (µS)", "G"),
            vec!["line 1: a conductance has no unit", "'conductance (µS)'"],
        ),
        (HEADER.replace("G (µS)", "G (V)"), vec!["line 1", "no known unit", "'conductance (µS)'"]),
        (HEADER.replace("target (µS)", "aim"), vec!["line 1: no column says what was programmed"]),
        (HEADER.replace("device", "R (Ohm)"), vec!["line 1: 2 columns hold a conductance"]),
        (row("a,10,2,x"), vec!["line 3: 'x' is not a number"]),
        (row("a,10,-2,9"), vec!["line 3: the time -2 lies before programming"]),
        (row("a,-10,2,9"), vec!["line 3: a target of -10 µS"]),
        (row("a,10,2,9,5"), vec!["line 3: 5 values under 4 headings", "decimal point"]),
        (row("a,10,2,9e9"), vec!["line 3: 9000000000 µS is no conductance", "is the unit right?"]),
        (
            row("a,10,2,9").replace(',', ";").replace("9.5", "1.009,5"),
            vec!["line 2", "a comma and a point"],
        ),
        (
            "device,target,t_s,g,unit\na,1,1,1,parsec\n".to_owned(),
            vec!["line 2: 'parsec' is none of S"],
        ),
    ] {
        let error = Readings::default().read("x.csv", text.as_bytes()).unwrap_err().to_string();
        assert!(messages.iter().all(|message| error.contains(message)), "{text}: {error}");
    }
    let error = Readings::default().read("x.bin", &[1, 0, 2, 0]).unwrap_err().to_string();
    assert!(error.contains("is no text"), "{error}");
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let fit = |readings: &Readings, options: &FitOptions| {
        DeviceFit::fit(readings, options, Par::Seq).unwrap_err().to_string()
    };
    let default = FitOptions::default();
    let mut readings = Readings::default();
    assert_eq!(fit(&readings, &default), "there are no readings");
    readings.push("a", State::Target(5.0), 1.0, 4.9);
    assert!(fit(&readings, &default).starts_with("1 devices in one state"));
    readings.push("b", State::Pulse("7".to_owned()), 1.0, 4.9);
    assert!(
        fit(&readings, &default).starts_with("some devices have a target, and some only a pulse")
    );
    for (options, message) in [
        (FitOptions { t0_s: Some(0.0), ..default.clone() }, "t0 = 0 s lies outside"),
        (FitOptions { t_read_s: Some(f64::NAN), ..default.clone() }, "read time = NaN s"),
        (FitOptions { held_out: 1.0, ..default.clone() }, "held-out share = 1 lies outside"),
        (FitOptions { resamples: 3, ..default.clone() }, "resamples = 3 lies outside"),
    ] {
        assert!(fit(&readings, &options).starts_with(message));
    }
}

/// Pulses name states; their conductances are what the devices have.
#[test]
fn pulses_are_states_too() {
    let mut readings = Readings::default();
    let case = Case::drifting("pulses", Pcm::paper(), 20.0);
    for (pulse, &target) in case.targets_us.iter().enumerate().rev() {
        for (device, g) in case.measured(target, 50, Seed::new(2).child(pulse)).iter().enumerate() {
            for (&t_s, &g) in case.t_s.iter().zip(g) {
                readings.push(
                    &format!("{device}"),
                    State::Pulse(format!("{}", 10 * pulse)),
                    t_s,
                    g,
                );
            }
        }
    }
    let fit = DeviceFit::fit(&readings, &case.options(0.2), Par::Seq).unwrap();
    let pulses: Vec<&str> = fit.levels.iter().filter_map(|level| level.pulse.as_deref()).collect();
    assert_eq!(pulses, ["0", "10", "20", "30"]);
    for (level, target) in fit.levels.iter().zip(&case.targets_us) {
        assert_eq!(level.target_us, level.g_mean_us.value);
        assert!((level.target_us - f64::from(*target)).abs() < 1.0, "{level:?}");
    }
    Measured::of(fit.measured()).unwrap();
}

/// Targets of their own for every device, as weights have them: ranges of them, whose widths are no spread.
#[test]
fn targets_of_any_number_become_ranges() {
    let case = Case::drifting("ranges", Pcm::paper(), 20.0);
    let mut readings = Readings::default();
    for device in 0..1600 {
        let target = 1.0 + 24.0 * device as f32 / 1599.0;
        let g = case.measured(target, 1, Seed::new(5).child(device));
        for (&t_s, &g) in case.t_s.iter().zip(&g[0]) {
            readings.push(&device.to_string(), State::Target(f64::from(target)), t_s, g);
        }
    }
    let fit = DeviceFit::fit(&readings, &case.options(0.2), Par::Rayon).unwrap();
    assert_eq!(fit.levels.len(), 16);
    let inside = fit
        .levels
        .iter()
        .filter(|level| level.g_std_us.contains(case.truth(level.target_us as f32).g[1]));
    // 95 % of 16, less 3 standard errors.
    assert!(inside.count() >= 12, "{:#?}", fit.levels);
    assert!(fit.held_out.as_ref().unwrap().first.is_right(), "{:?}", fit.held_out);
}

/// What makes a fit doubtful is said.
#[test]
fn doubts_are_said() {
    let warned = |readings: &Readings, options: &FitOptions, words: &str| {
        let fit = DeviceFit::fit(readings, options, Par::Rayon).unwrap();
        let said = fit.warnings.iter().any(|warning| warning.contains(words));
        assert!(said, "no '{words}' in {:#?}", fit.warnings);
    };
    let case = Case::drifting("doubts", Pcm::paper(), 20.0);
    let readings = case.readings(Seed::new(1));
    let right = case.options(0.2);
    let mut louder = Readings::default();
    let mut noise = vec![0.0f32; 2 * 50 * 8];
    Seed::new(6).stream().fill_gaussian(0, &mut noise);
    for (device, noise) in noise.chunks_exact(8).enumerate() {
        let target = [5.0, 20.0][device % 2];
        for (reading, noise) in noise.iter().enumerate() {
            let std = if reading < 4 { 0.01 } else { 0.05 };
            let g = target + std * f64::from(*noise);
            louder.push(&device.to_string(), State::Target(target), 4f64.powi(reading as i32), g);
        }
    }
    warned(&louder, &FitOptions::default(), "read noise is taken to be constant");
    warned(&readings, &FitOptions { t0_s: Some(1e5), ..right.clone() }, "another reference time");
    warned(&readings, &FitOptions { held_out: 0.0, ..right.clone() }, "no devices were held out");
    let mut few = Readings::default();
    for target in [5.0, 10.0] {
        for device in 0..4 {
            few.push(
                &device.to_string(),
                State::Target(target),
                1.0,
                target + 0.1 * f64::from(device),
            );
        }
    }
    let options = FitOptions::default();
    for words in [
        "fewer than 20 devices",
        "drift is not measured",
        "read noise is not measured",
        "becomes the reset state",
    ] {
        warned(&few, &options, words);
    }
    let mut steps = Readings::default();
    for (device, level) in (0..80).map(|i| (i, 1 + i % 2)) {
        for (t_s, left) in [(1.0, 1.0), (10.0, 1.0), (100.0, 0.6), (1000.0, 0.6), (1e4, 0.6)] {
            let g = 10.0 * f64::from(level) * left * (1.0 + 0.002 * f64::from(device % 7));
            steps.push(&device.to_string(), State::Target(10.0 * f64::from(level)), t_s, g);
        }
    }
    warned(&steps, &options, "a power law does not describe the drift");
}
