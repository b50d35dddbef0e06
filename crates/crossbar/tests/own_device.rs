//! A device of one's own: by a base and what differs, by a table beside the tile's file, by a type of the caller's,
//! by what was measured on a chip.

use std::path::{Path, PathBuf};

use crossbar::device::{
    Device, DeviceConfig, Draws, Measured, MeasuredConfig, MeasuredTable, Pcm, Programmed,
};
use crossbar::{AnalogMatrix, AnalogTile, MvmNoise, TileConfig, UnitCell};
use numerics::{Par, Seed};

const TABLE: &str = "g_target_us,g_mean_us,g_std_us,nu_mean,nu_std,read_std_us\n\
                     0,0.5,0.3,0.1,0.02,0.05\n20,18.5,0.9,0.05,0.01,0.15\n";

/// A folder of this test that goes when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("own-device-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_base_gives_what_is_not_said() {
    let standard = TileConfig::load("standard-pcm").unwrap();
    let config = TileConfig::from_toml(
        "base = 'standard-pcm'\n[device]\nread_noise_scale = 2.0\n[periphery.adc]\nnoise = 0.02\n",
    )
    .unwrap();
    let mut expected = standard.clone();
    expected.periphery.adc.noise = 0.02;
    let DeviceConfig::Pcm(pcm) = &mut expected.device else { panic!("the standard tile has PCM") };
    pcm.read_noise_scale = 2.0;
    assert_eq!(config, expected);
    assert_eq!(TileConfig::from_toml("base = 'standard-pcm'").unwrap(), standard);
}

/// Another model has other keys, and what is said in another way is no addition.
#[test]
fn another_model_or_kind_replaces_that_of_the_base() {
    let config = TileConfig::from_toml(
        "base = 'standard-pcm'\nwithout = ['periphery.adc.bound', 'periphery.adc.steps']\n\
         [device]\nmodel = 'reram-wan'\ng_max_us = 40.0\nnoise_scale = 1.0\n\
         [mapping]\nunit_cell = { bit-sliced = { bits_per_cell = 2, cells = 4 } }\n\
         [periphery]\nread_noise = { constant = { sigma = 0.01 } }\n",
    )
    .unwrap();
    assert!(matches!(config.device, DeviceConfig::ReramWan(_)));
    assert_eq!(config.mapping.unit_cell, UnitCell::BitSliced { bits_per_cell: 2, cells: 4 });
    assert_eq!((config.periphery.adc.bound, config.periphery.adc.steps), (None, None));
}

/// 88.2 µS pull down a bit line as 88.2 µS do, whatever the wires were characterised with.
#[test]
fn wires_see_the_conductances_of_the_device() {
    let wires = |text: &str| TileConfig::from_toml(text).unwrap().ir_drop.g_max_us;
    assert_eq!(TileConfig::load("reram-cmo").unwrap().ir_drop.g_max_us, 88.2);
    assert_eq!(wires("base = 'standard-pcm'"), 5.0);
    assert_eq!(wires("base = 'standard-pcm'\nwithout = ['ir_drop.g_max_us']"), 25.0);
    let other = "base = 'reram-cmo'\n[device]\ng_max_us = 60.0\n";
    assert_eq!(wires(other), 60.0);
    assert_eq!(wires(&format!("{other}[ir_drop]\ng_max_us = 7.0\n")), 7.0);
}

#[test]
fn bases_and_tables_are_read_beside_their_files() {
    let folder = Folder::new("beside");
    folder.write("devices/mine.csv", TABLE);
    folder.write(
        "devices/mine.toml",
        "base = 'standard-pcm'\n[device]\nmodel = 'measured'\nt0_s = 20.0\ntable = 'mine.csv'\n",
    );
    let tile = folder.write("tile.toml", "base = 'devices/mine.toml'\n[device]\nt0_s = 30.0\n");
    let config = TileConfig::load(&tile).unwrap();
    let expected = MeasuredConfig::new(MeasuredTable::from_csv(TABLE).unwrap(), 30.0, None);
    assert_eq!(config.device, expected.into());
    // What is written holds everything.
    assert_eq!(TileConfig::from_toml(&config.to_toml()).unwrap(), config);
}

#[test]
fn what_a_base_cannot_be_is_refused() {
    let folder = Folder::new("refused");
    folder.write("bad.csv", &TABLE.replace("18.5", "x"));
    folder.write("circle.toml", "base = 'circle.toml'\n");
    for (text, messages) in [
        (
            "base = 'standard-pcn'",
            vec!["base = \"standard-pcn\"", "cannot read", "presets are standard-pcm"],
        ),
        ("base = 3", vec!["base = 3 is not a text"]),
        ("base = 'circle.toml'", vec!["is it a circle?"]),
        ("without = ['a.b']", vec!["there is none"]),
        (
            "base = 'standard-pcm'\nwithout = ['periphery.dac.stepz']",
            vec!["the base has no periphery.dac.stepz"],
        ),
        ("base = 'standard-pcm'\n[periphery.adc]\nnoize = 1.0", vec!["unknown field `noize`"]),
        (
            "base = 'standard-pcm'\n[periphery.adc]\nnoise = -1.0",
            vec!["adc.noise = -1 lies outside"],
        ),
        (
            "base = 'standard-pcm'\n[device]\nmodel = 'measured'\nt0_s = 20.0\ntable = 'none.csv'",
            vec!["device.table = \"none.csv\": cannot read"],
        ),
        (
            "base = 'standard-pcm'\n[device]\nmodel = 'measured'\nt0_s = 20.0\ntable = 'bad.csv'",
            vec!["bad.csv: table: line 3: 'x' is not a number"],
        ),
        ("base = 'standard-pcm'\n[device]\nmodel = 'own'", vec!["which no file describes"]),
    ] {
        let error = TileConfig::load(&folder.write("tile.toml", text)).unwrap_err().to_string();
        assert!(messages.iter().all(|message| error.contains(message)), "{text}: {error}");
    }
    let path =
        "base = 'standard-pcm'\n[device]\nmodel = 'measured'\nt0_s = 20.0\ntable = 'mine.csv'";
    let error = TileConfig::from_toml(path).unwrap_err().to_string();
    assert!(error.contains("this configuration is in none"), "{error}");
}

/// The paper's device, as somebody else would write it.
#[derive(Debug)]
struct Own(Pcm);

impl Device for Own {
    fn g_max_us(&self) -> f32 {
        self.0.g_max_us()
    }

    fn program(&self, target_us: &[f32], draws: &Draws, g_us: &mut [f32], parameter: &mut [f32]) {
        self.0.program(target_us, draws, g_us, parameter);
    }

    fn drift(&self, devices: Programmed<'_>, t_s: f64, g_us: &mut [f32]) {
        self.0.drift(devices, t_s, g_us);
    }

    fn read(&self, devices: Programmed<'_>, t_s: f64, draws: &Draws, g_us: &mut [f32]) {
        self.0.read(devices, t_s, draws, g_us);
    }
}

fn gaussian(n: usize) -> Vec<f32> {
    let mut values = vec![0.0; n];
    Seed::new(8).stream().fill_gaussian(0, &mut values);
    values
}

fn product(config: &TileConfig) -> Vec<f32> {
    let weights = gaussian(40 * 24);
    let mut matrix =
        AnalogMatrix::program(config, &weights, 24, &Seed::new(2), Par::Rayon).unwrap();
    matrix.age_to(3600.0, Par::Rayon).unwrap();
    let mut y = vec![0.0; 40];
    matrix.forward(
        &gaussian(24),
        &MvmNoise { seed: Seed::new(3), first_sample: 0 },
        Par::Seq,
        &mut y,
    );
    y
}

#[test]
fn a_type_of_the_callers_is_as_good_as_ours() {
    let mut config = TileConfig::load("standard-pcm").unwrap();
    let DeviceConfig::Pcm(pcm) = config.device else { panic!("the standard tile has PCM") };
    let ours = product(&config);
    config.device = DeviceConfig::own(Own(pcm));
    assert_eq!(product(&config), ours);
    assert_eq!(config, config.clone());
    let mut other = config.clone();
    other.device = DeviceConfig::own(Own(Pcm { drift_scale: 0.5, ..pcm }));
    assert!(config != other && config.to_toml() != other.to_toml());
    let error = TileConfig::from_toml(&config.to_toml()).unwrap_err().to_string();
    assert!(error.contains("which no file describes"), "{error}");
}

#[derive(Debug)]
struct Impossible;

impl Device for Impossible {
    fn g_min_us(&self) -> f32 {
        20.0
    }

    fn g_max_us(&self) -> f32 {
        10.0
    }

    fn program(&self, _: &[f32], _: &Draws, _: &mut [f32], _: &mut [f32]) {}

    fn drift(&self, _: Programmed<'_>, _: f64, _: &mut [f32]) {}

    fn read(&self, _: Programmed<'_>, _: f64, _: &Draws, _: &mut [f32]) {}
}

#[test]
fn a_device_without_a_range_is_refused() {
    let mut config = TileConfig::load("ideal").unwrap();
    config.device = DeviceConfig::own(Impossible);
    let error = config.check().unwrap_err().to_string();
    assert_eq!(error, "g_min_us of the own device = 20 does not lie in [0, g_max_us)");
}

/// A map of the conductances that a chip ended up with.
#[test]
fn measured_conductances_become_the_programmed_state() {
    let mut config = TileConfig::load("standard-pcm").unwrap();
    config.device = DeviceConfig::from(
        Measured::new(MeasuredTable::from_csv(TABLE).unwrap(), 20.0, None)
            .map(|device| MeasuredConfig::new(device.table().clone(), 20.0, None))
            .unwrap(),
    );
    config.mapping.unit_cell = UnitCell::DifferentialPair;
    let weights = [1.0, -0.5, 0.25, 0.0];
    let mut tile = AnalogTile::program(&config, &weights, 2, &Seed::new(1), Par::Seq).unwrap();
    tile.age_to(1e6, Par::Seq).unwrap();
    let map = [20.0, 0.0, 5.0, 1.0, 0.0, 10.0, 0.0, 1.0];
    tile.set_programmed_us(&map, Par::Seq).unwrap();
    assert_eq!(tile.age_s(), 0.0);
    assert_eq!(tile.conductances_us().flatten().copied().collect::<Vec<_>>(), map);
    // (g⁺ − g⁻)/20 times the largest weight of the row.
    let expected = [1.0, -0.5, 0.0625, 0.0];
    assert!(
        tile.weights().iter().zip(expected).all(|(w, to)| (w - to).abs() < 1e-6),
        "{:?}",
        tile.weights()
    );
    tile.age_to(1e6, Par::Seq).unwrap();
    assert!(tile.weights()[0] < 0.7);

    let error =
        tile.set_programmed_us(&[20.0, 0.0, -5.0, 1.0, 0.0, 10.0, 0.0, 1.0], Par::Seq).unwrap_err();
    assert!(error.to_string().contains("row 3: -5 does not lie"), "{error}");
}
