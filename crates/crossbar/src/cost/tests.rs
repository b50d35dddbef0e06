//! Tests of the cost of products.

use numerics::{Par, Seed};

use super::figures::{CHIP, STANDARD};
use super::*;
use crate::mapping::UnitCell;
use crate::{AnalogMatrix, AnalogTile, TileConfig};

pub(super) fn ideal_tile() -> AnalogTile {
    let config = TileConfig::load("ideal").unwrap();
    AnalogTile::program(&config, &[1.0; 8], 4, &Seed::new(1), Par::Seq).unwrap()
}

#[test]
fn the_array_energy_is_voltage_squared_times_conductance_times_time() {
    let figures = CostFigures {
        read_v: Range { low: 0.2, nominal: 0.2, high: 0.2 },
        integration_ns: Range { low: 100.0, nominal: 100.0, high: 100.0 },
        ..CostFigures::standard()
    };
    let cost = figures.tile(&ideal_tile(), &[1.0, 1.0, 0.0, 0.5]);
    // 2 columns of 25 µS, Σ |x| = 2.5: (0.2 V)² · 125 µS · 100 ns = 0.5 pJ.
    assert!((cost.energy.array_pj.nominal - 0.5).abs() < 1e-9);
    assert_eq!(cost.macs, 8);
}

/// Seven slices of one bit: each drives the word lines for a 64th of the time, and is converted.
#[test]
fn inputs_bit_by_bit_cost_what_a_hand_computes() {
    let mut config = TileConfig::load("ideal").unwrap();
    config.mapping.scale = crate::WeightScale::Unit;
    config.periphery.dac.encoding =
        crate::periphery::InputEncoding::BitSerial { bits_per_slice: 1 };
    // 25 µS on both word lines of both outputs.
    let tile = AnalogTile::program(&config, &[1.0; 4], 2, &Seed::new(1), Par::Seq).unwrap();
    let figures = CostFigures {
        dac_pj: exactly(0.5),
        adc_pj: exactly(45.0),
        read_v: exactly(0.2),
        integration_ns: exactly(128.0),
        input_encoding: InputEncoding::PulseWidth,
        adc: AdcKind::Sar,
        adc_survey: None,
        ..CostFigures::standard()
    };
    // 127 = 1111111 and −68 = −1000100: seven and two digits, of 4 codes in the place of 256.
    let energy = figures.tile(&tile, &[1.0, -68.0 / 127.0]).energy;
    let driven = 0.04 * 128.0 * (4.0 / 256.0) * 1e3 * 50e-6 * (7.0 + 2.0);
    assert!((energy.array_pj.nominal - driven).abs() < 1e-6 * driven, "{energy:?}, not {driven}");
    assert_eq!(energy.dac_pj.nominal, 7.0 * 2.0 * 0.5);
    assert_eq!(energy.adc_pj.nominal, 7.0 * 2.0 * 45.0);
}

fn exactly(nominal: f64) -> Range {
    Range::exactly(nominal)
}

/// 7 word lines, 3 bit lines, an ADC for every two of these: every term by hand.
#[test]
fn a_tile_that_is_not_square_costs_what_a_hand_computes() {
    let mut config = TileConfig::load("ideal").unwrap();
    config.mapping.scale = crate::WeightScale::Unit;
    // Conductances of 25 µS times the magnitude: 12.5, 5 and 25 µS on each word line.
    let w = [[0.5; 7], [-0.2; 7], [1.0; 7]].concat();
    let tile = AnalogTile::program(&config, &w, 7, &Seed::new(1), Par::Seq).unwrap();
    let figures = CostFigures {
        dac_pj: exactly(0.5),
        adc_pj: exactly(45.0),
        digital_pj: exactly(1.0),
        read_v: exactly(0.2),
        integration_ns: exactly(128.0),
        dac_ns: exactly(2.0),
        adc_ns: exactly(5.0),
        digital_ns: exactly(10.0),
        cell_um2: exactly(0.25),
        dac_um2: exactly(50.0),
        adc_um2: exactly(2000.0),
        digital_um2: exactly(150.0),
        columns_per_adc: 2,
        adc: AdcKind::Ramp,
        adc_survey: None,
        input_encoding: InputEncoding::PulseWidth,
        converters: None,
        buffers: None,
        network: None,
        digital_units: None,
        programming: None,
    };
    let cost = figures.tile(&tile, &[1.0, -1.0, 0.5, 0.0, 0.0, 3.0, f32::NAN]);
    let Energy { dac_pj, array_pj, adc_pj, digital_pj, .. } = cost.energy;
    assert_eq!((dac_pj.nominal, adc_pj.nominal, digital_pj.nominal), (3.5, 135.0, 3.0));
    // Σ |x| = 3.5 with 3 cut at 1 and NaN at 0; (0.2 V)² · 42.5 µS · 3.5 · 128 ns = 0.7616 pJ.
    assert!((array_pj.nominal - 0.7616).abs() < 1e-6, "{array_pj:?}");
    // Two ADCs, one of which converts twice.
    assert_eq!(cost.latency_ns, exactly(2.0 + 128.0 + 10.0 + 10.0));
    // Pairs, of which one device stays at reset.
    assert_eq!(cost.area_um2, exactly(0.25 * 42.0 + 350.0 + 4000.0 + 450.0));
    assert_eq!(cost.macs, 21);
    // As amplitudes: Σ x² = 3.25.
    let figures = CostFigures { input_encoding: InputEncoding::Amplitude, ..figures };
    let cost = figures.tile(&tile, &[1.0, -1.0, 0.5, 0.0, 0.0, 3.0, f32::NAN]);
    assert!((cost.energy.array_pj.nominal - 0.7072).abs() < 1e-6);
}

#[test]
fn a_stuck_partner_conducts() {
    let mut config = TileConfig::load("ideal").unwrap();
    config.mapping.unit_cell = UnitCell::ActiveDevice;
    config.mapping.scale = crate::WeightScale::Unit;
    config.faults.stuck_at_g_max = 1.0;
    let figures = CostFigures {
        read_v: exactly(0.2),
        integration_ns: exactly(100.0),
        ..CostFigures::standard()
    };
    for seed in 0..8 {
        let tile =
            AnalogTile::program(&config, &[0.5, 0.0], 1, &Seed::new(seed), Par::Seq).unwrap();
        let partners: Vec<usize> = tile.stuck_partners_us().map(|(place, _)| place).collect();
        // Each pair has a device at 25 µS; the first one's active device adds 12.5 µS, unless
        // it is that one.
        let us = if partners.contains(&0) { 62.5 } else { 50.0 };
        let pj = figures.tile(&tile, &[1.0]).energy.array_pj.nominal;
        assert!((pj - 0.04 * us * 0.1).abs() < 1e-9, "seed {seed}: {pj} pJ");
    }
}

#[test]
fn a_tile_costs_what_its_own_converters_cost() {
    let figures = CostFigures::standard();
    let x = [1.0, 1.0, 0.0, 0.5];
    let tile = |dac: Option<f32>, adc: Option<f32>| {
        let mut config = TileConfig::load("ideal").unwrap();
        config.periphery.dac.steps = dac;
        config.periphery.adc.steps = adc;
        AnalogTile::program(&config, &[1.0; 8], 4, &Seed::new(1), Par::Seq).unwrap()
    };
    let eight = tile(Some(254.0), Some(254.0));
    for (dac, adc) in [(254.0, 14.0), (62.0, 254.0), (6.0, 1022.0)] {
        let own = figures.tile(&tile(Some(dac), Some(adc)), &x);
        let named = figures.at_steps(dac, adc);
        assert_eq!(own, named.tile(&eight, &x), "{dac} and {adc} steps");
        assert_eq!(own, named.tile(&tile(Some(14.0), Some(14.0)), &x), "the caller's go first");
    }
    // 4 bits: a sixteenth of what counts.
    let four = figures.tile(&tile(Some(254.0), Some(14.0)), &x).energy.adc_pj.nominal;
    assert_eq!(16.0 * four, figures.tile(&eight, &x).energy.adc_pj.nominal);
    assert_eq!(figures.tile(&tile(None, None), &x), figures.tile(&eight, &x));
}

#[test]
fn the_array_is_driven_as_far_as_the_converter_drives_it() {
    let mut config = TileConfig::load("ideal").unwrap();
    config.periphery.dac.noise_management = crate::NoiseManagement::AbsMax;
    let tile = AnalogTile::program(&config, &[1.0; 8], 4, &Seed::new(1), Par::Seq).unwrap();
    let figures = CostFigures::standard();
    let cost = |x: &[f32]| figures.tile(&tile, x).energy.array_pj.nominal;
    assert_eq!(cost(&[0.1, -0.1, 0.0, 0.05]), cost(&[8.0, -8.0, 0.0, 4.0]));
}

#[test]
fn converters_that_figures_name_are_checked() {
    let text = |adc: &str| format!("converters = {{ dac = 254.0, adc = {adc} }}\n{STANDARD}");
    let four = CostFigures::from_toml(&text("14.0")).unwrap();
    assert_eq!(four, CostFigures::standard().at_steps(254.0, 14.0));
    let error = CostFigures::from_toml(&text("0.0")).unwrap_err().to_string();
    assert!(error.starts_with("converters.adc = 0 "), "{error}");
}

#[test]
fn the_cost_of_a_matrix_is_that_of_its_tiles() {
    let mut config = TileConfig::load("ideal").unwrap();
    config.mapping.max_inputs = 3;
    let w: Vec<f32> = (0..30).map(|i| (i as f32 - 15.0) / 15.0).collect();
    let matrix = AnalogMatrix::program(&config, &w, 6, &Seed::new(1), Par::Seq).unwrap();
    let figures = CostFigures::standard();
    let x = [0.5; 12];
    let total = figures.matrix(&matrix, &x);
    let parts: Vec<Cost> =
        matrix.tiles().map(|(_, _, tile)| figures.tile(tile, &[0.5; 6])).collect();
    let sum: f64 = parts.iter().map(|p| p.energy.total_pj().nominal).sum();
    assert_eq!(parts.len(), 2);
    assert!((total.energy.total_pj().nominal - sum).abs() < 1e-9 * sum);
    assert_eq!(total.latency_ns, parts[0].latency_ns);
}

/// Two bits less: a quarter of what counts, and the rest as it was.
#[test]
fn coarser_converters_count_less() {
    let figures = CostFigures::standard();
    let cost = |figures: &CostFigures| figures.tile(&ideal_tile(), &[1.0, 1.0, 0.0, 0.5]);
    assert_eq!(cost(&figures.at_steps(254.0, 254.0)), cost(&figures));
    let (eight, adc, dac) = (
        cost(&figures),
        cost(&figures.at_steps(254.0, 62.0)),
        cost(&figures.at_steps(62.0, 254.0)),
    );
    assert_eq!(4.0 * adc.energy.adc_pj.nominal, eight.energy.adc_pj.nominal);
    assert_eq!(adc.energy.array_pj, eight.energy.array_pj);
    assert!((4.0 * dac.energy.array_pj.nominal / eight.energy.array_pj.nominal - 1.0).abs() < 1e-9);
    assert_eq!(dac.energy.adc_pj, eight.energy.adc_pj);
    let nanoseconds = |cost: &Cost| cost.latency_ns.nominal;
    assert!((nanoseconds(&eight) - nanoseconds(&dac) - 96.0).abs() < 1e-9);
    assert!((nanoseconds(&eight) - nanoseconds(&adc) - 3.75).abs() < 1e-9);
}

#[test]
fn a_nominal_value_outside_its_range_is_refused() {
    let mut figures = CostFigures::standard();
    figures.adc_pj.nominal = 1e9;
    assert!(figures.check().unwrap_err().to_string().starts_with("adc_pj = 1000000000"));
}

/// [Hermes22] measures 10.5 TOPS/W, [LeGallo23] 133 ns a product; a core of theirs has 0.62 mm².
#[test]
fn a_tile_of_the_published_size_takes_what_was_measured() {
    let n = 256;
    let (mut w, mut x) = (vec![0.0; n * n], vec![0.0; 20 * n]);
    Seed::new(1).stream().fill_gaussian(0, &mut w);
    Seed::new(2).stream().fill_uniform(0, &mut x);
    x.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
    let config = crate::presets::standard_pcm();
    let tile = AnalogTile::program(&config, &w, n, &Seed::new(3), Par::Seq).unwrap();
    let cost = CostFigures::standard().tile(&tile, &x);
    let (efficiency, area_mm2) = (cost.tops_per_watt(), cost.area_um2.nominal * 1e-6);
    assert!((9.5..11.5).contains(&efficiency), "{efficiency} TOPS/W, measured 10.5");
    assert!((0.56..0.68).contains(&area_mm2), "{area_mm2} mm², 0.62 derived");
    let Range { low, nominal, high } = cost.latency_ns;
    assert!((120.0..160.0).contains(&nominal), "{nominal} ns, measured 133");
    assert!(low < 133.0 && 521.0 < high, "{low} to {high} ns");
}

#[test]
fn every_figure_names_its_source() {
    for line in
        STANDARD.lines().chain(CHIP.lines()).filter(|l| l.contains('=') && !l.starts_with('#'))
    {
        let source = line.split_once('#').map_or("", |(_, comment)| comment);
        assert!(source.contains('[') || source.contains("Assumed:"), "{line}");
    }
}

/// 4 bits instead of 8: a sixteenth of counts and of conversion steps, half of the comparisons of a
/// SAR converter, 15 comparators instead of 255.
#[test]
fn every_kind_of_converter_scales_by_what_it_is_made_of() {
    let x = [1.0, 1.0, 0.0, 0.5];
    for (adc, energy, ns, area) in [
        (AdcKind::Ramp, 1.0 / 16.0, 5.0 / 16.0, 1.0),
        (AdcKind::Sar, 1.0 / 16.0, 5.0 / 2.0, 1.0),
        (AdcKind::Flash, 1.0 / 17.0, 5.0, 1.0 / 17.0),
    ] {
        let figures = CostFigures {
            adc,
            adc_um2: exactly(2100.0),
            dac_um2: exactly(0.0),
            cell_um2: exactly(0.0),
            digital_um2: exactly(0.0),
            ..CostFigures::standard()
        };
        let [eight, four] =
            [254.0, 14.0].map(|steps| figures.at_steps(254.0, steps).tile(&ideal_tile(), &x));
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9 * b, "{adc:?}: {a} for {b}");
        near(four.energy.adc_pj.nominal, energy * eight.energy.adc_pj.nominal);
        // One conversion, after 2 ns of the DAC and 128 ns of integration, before 10 ns of digital.
        near(four.latency_ns.nominal - 140.0, ns);
        near(eight.latency_ns.nominal - 140.0, 5.0);
        near(four.area_um2.nominal, area * 2.0 * 2100.0);
    }
}

#[test]
fn a_surveyed_converter_stands_in_for_the_figure() {
    let survey = SurveyedAdc { technology_nm: 65.0, samples_per_s: None, lost_bits: 0.0 };
    let figures = CostFigures {
        adc: AdcKind::Sar,
        adc_ns: exactly(100.0),
        adc_survey: Some(survey),
        ..CostFigures::standard()
    };
    let pj = |figures: &CostFigures| figures.tile(&ideal_tile(), &[0.5; 4]).energy.adc_pj;
    // Two conversions at 10 MS/s; a SAR converter of 4 bits has 20 MS/s.
    assert_eq!(pj(&figures), survey::conversion_pj(8.0, 1e7, 65.0).scaled(2.0));
    let four = pj(&figures.at_steps(254.0, 14.0));
    assert_eq!(four, survey::conversion_pj(4.0, 2e7, 65.0).scaled(2.0));
    let survey = SurveyedAdc { samples_per_s: Some(1e6), lost_bits: 1.0, ..survey };
    let figures = CostFigures { adc_survey: Some(survey), ..figures };
    assert_eq!(pj(&figures), survey::conversion_pj(7.0, 1e6, 65.0).scaled(2.0));
    let text = format!("adc_survey = {{ technology_nm = 0.014 }}\n{STANDARD}");
    let error = CostFigures::from_toml(&text).unwrap_err().to_string();
    assert!(error.starts_with("adc_survey.technology_nm = 0.014 "), "{error}");
}

/// 4 inputs of 6 bits and 2 outputs of 8 bits, 8 weights of two devices each.
#[test]
fn what_stands_around_a_tile_counts_where_the_figures_have_it() {
    let tables = "
        [buffers]
        read_pj_per_byte = { low = 1.0, nominal = 2.0, high = 3.0 }
        write_pj_per_byte = { low = 4.0, nominal = 5.0, high = 6.0 }
        [network]
        hop_pj_per_byte = { low = 1.0, nominal = 2.0, high = 3.0 }
        hops = { low = 1.0, nominal = 3.0, high = 10.0 }
        [digital_units]
        output_pj = { low = 0.5, nominal = 1.0, high = 2.0 }
        product_pj = { low = 10.0, nominal = 20.0, high = 30.0 }
        [programming]
        iterations = { low = 2.0, nominal = 10.0, high = 20.0 }
        pulse_pj = { low = 1.0, nominal = 20.0, high = 30.0 }
        verify_pj = { low = 1.0, nominal = 5.0, high = 10.0 }
        iteration_ns = { low = 100.0, nominal = 1000.0, high = 2000.0 }
        devices_at_once = 3
    ";
    let range = |low, nominal, high| Range { low, nominal, high };
    let around = CostFigures::from_toml(&format!("{STANDARD}{tables}")).unwrap();
    let cost = |figures: &CostFigures| figures.at_steps(62.0, 254.0).tile(&ideal_tile(), &[0.5; 4]);
    let (around, alone) = (cost(&around), cost(&CostFigures::standard()));
    // 3 bytes in, 2 bytes out.
    assert_eq!(around.energy.buffer_pj, range(11.0, 16.0, 21.0));
    assert_eq!(around.energy.network_pj, range(5.0, 30.0, 150.0));
    assert_eq!(around.energy.periphery_pj, range(11.0, 22.0, 34.0));
    let more = around.energy.total_pj().nominal - alone.energy.total_pj().nominal;
    assert!((more - 68.0).abs() < 1e-9, "{more}");
    // 16 devices in 6 groups.
    assert_eq!(around.programming.energy_pj, range(64.0, 4000.0, 12_800.0));
    assert_eq!(around.programming.time_ns, range(1200.0, 60_000.0, 240_000.0));
    assert_eq!(alone.programming, Programming::default());
    assert_eq!((around.latency_ns, around.area_um2), (alone.latency_ns, alone.area_um2));
    // Two arrays are written at the same time.
    let both = around.beside(&around);
    assert_eq!(both.programming.energy_pj.nominal, 8000.0);
    assert_eq!(both.programming.time_ns, around.programming.time_ns);
    assert_eq!(both.energy.network_pj.nominal, 60.0);
}

#[test]
fn the_figures_of_a_chip_are_those_of_its_tiles_and_more() {
    let (chip, standard) = (CostFigures::chip(), CostFigures::standard());
    let CostFigures { buffers, network, digital_units, programming, .. } = chip;
    assert!(buffers.is_some() && network.is_some() && digital_units.is_some());
    assert!(programming.is_some());
    let tiles = CostFigures {
        buffers: None,
        network: None,
        digital_units: None,
        programming: None,
        ..CostFigures::chip()
    };
    assert_eq!(tiles, standard);
    let text = format!("{STANDARD}{CHIP}").replace("devices_at_once = 1 ", "devices_at_once = 0 ");
    let error = CostFigures::from_toml(&text).unwrap_err().to_string();
    assert!(error.starts_with("programming.devices_at_once = 0 "), "{error}");
}

#[test]
fn more_bits_never_cost_less() {
    for adc in [AdcKind::Ramp, AdcKind::Sar, AdcKind::Flash] {
        let figures = CostFigures { adc, ..CostFigures::standard() };
        let costs = (2..=16).map(|bits| {
            let steps = ((1 << bits) - 2) as f32;
            figures.at_steps(254.0, steps).tile(&ideal_tile(), &[0.5; 4])
        });
        let costs: Vec<Cost> = costs.collect();
        for pair in costs.windows(2) {
            let [less, more] = [pair[0], pair[1]];
            assert!(less.energy.adc_pj.nominal < more.energy.adc_pj.nominal, "{adc:?}");
            assert!(less.latency_ns.nominal <= more.latency_ns.nominal, "{adc:?}");
            assert!(less.area_um2.nominal <= more.area_um2.nominal, "{adc:?}");
        }
    }
}

/// Weights of two digits are two columns, each with its conversions.
#[test]
fn an_output_takes_a_conversion_for_each_of_its_columns_and_slices() {
    let mut config = TileConfig::load("ideal").unwrap();
    assert_eq!(Passes::of(&config), Passes { slices: 1, planes: 1 });
    config.mapping.unit_cell = UnitCell::BitSliced { bits_per_cell: 4, cells: 2 };
    let passes = Passes::of(&config);
    assert_eq!((passes.planes, passes.conversions()), (2, 2));
    let figures = CostFigures { columns_per_adc: 4, ..CostFigures::standard() };
    let charges_pj = exactly(0.5);
    let (inputs, outputs, driven_s, bits, devices) = (4, 6, exactly(1e-4), [8.0; 2], 96);
    let work = Work { inputs, outputs, passes, driven_s, charges_pj, bits, devices };
    let once = figures.product(&work);
    let sliced = figures.product(&Work { passes: Passes { slices: 3, planes: 2 }, ..work });
    // (0.2 V)² · 100 µS · 128 ns, and what is charged.
    assert!((once.energy.array_pj.nominal - 0.512 - 0.5).abs() < 1e-9);
    assert_eq!(once.energy.adc_pj.nominal, 12.0 * 45.0);
    assert_eq!(sliced.energy.adc_pj.nominal, 36.0 * 45.0);
    assert_eq!(sliced.energy.dac_pj.nominal, 3.0 * once.energy.dac_pj.nominal);
    assert_eq!(sliced.energy.array_pj, once.energy.array_pj, "it is driven by the same in all");
    // 12 columns behind 3 converters: 128 ns and four conversions of 5 ns for each slice.
    assert_eq!(once.latency_ns.nominal, 2.0 + 148.0 + 10.0);
    assert_eq!(sliced.latency_ns.nominal, 2.0 + 3.0 * 148.0 + 10.0);
    assert_eq!(sliced.area_um2, once.area_um2);
}
