//! [`Pipeline`]: layers that work on different inferences at the same time.
//!
//! ```text
//! interval   T = max_l n_l t_l / c_l         an inference leaves every T
//! latency      = Σ_l n_l t_l                 one passes through in
//! energy       = Σ_l n_l E_l                 it takes, however many copies there are
//! area       A = Σ_l c_l A_l
//! busy       u_l = n_l t_l / (c_l T)         a copy of layer l is
//! ```
//!
//! for layers l with n_l products of t_l, E_l and A_l per inference, on c_l copies of their tiles.
//! Products of a layer, of one inference or of several, are spread evenly over its copies.
//!
//! [`Pipeline::copies_within`] gives the layer that sets the interval one more copy as long as the
//! area is there. That is the shortest interval of all: in a choice with a shorter one, every layer
//! that is the bottleneck on the way has more copies than it was given so far, so that what was
//! given is at most what that choice has, layer by layer, and one more copy still fits in its area.
//!
//! Assumed: there are buffers that hold what waits between layers, and nothing is spent while a
//! tile waits. Latency is that of products one after another: of a recurrent layer they depend on
//! each other, and no copy makes them shorter.

use crate::error::TileError;

/// A layer of a network on its tiles.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Tiles of one copy.
    pub tiles: usize,
    /// Products per inference.
    pub products: f64,
    /// Time of a product in ns.
    pub latency_ns: f64,
    /// Energy of a product in pJ.
    pub energy_pj: f64,
    /// Area of one copy in µm².
    pub area_um2: f64,
}

impl Stage {
    /// Time of its products of one inference on one copy, in ns.
    pub fn busy_ns(&self) -> f64 {
        self.products * self.latency_ns
    }
}

/// Layers one behind another; see the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    stages: Vec<Stage>,
}

/// What a pipeline does with so many copies of each layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Throughput {
    /// Copies of every layer.
    pub copies: Vec<usize>,
    /// Time from an inference to the next in ns.
    pub interval_ns: f64,
    /// Time of one inference in ns.
    pub latency_ns: f64,
    /// Energy of an inference in pJ.
    pub energy_pj: f64,
    /// Area in µm².
    pub area_um2: f64,
    /// Tiles.
    pub tiles: usize,
    /// Share of the time for which the copies of a layer work.
    pub busy: Vec<f64>,
    /// Share of the time for which a tile works, over all tiles.
    pub utilisation: f64,
}

impl Throughput {
    /// Inferences per second.
    pub fn per_second(&self) -> f64 {
        1e9 / self.interval_ns
    }
}

impl Pipeline {
    /// Layers in their order.
    ///
    /// # Errors
    ///
    /// [`TileError::Config`] unless there is a layer, and every layer has tiles, products, a latency
    /// and an area above 0 and an energy that is not negative.
    pub fn new(stages: Vec<Stage>) -> Result<Self, TileError> {
        let count = stages.len() as f64;
        TileError::check(!stages.is_empty(), "layers of a pipeline", count, "is not ≥ 1")?;
        for stage in &stages {
            for (field, value) in [
                ("tiles of a layer", stage.tiles as f64),
                ("products of a layer", stage.products),
                ("latency_ns of a layer", stage.latency_ns),
                ("area_um2 of a layer", stage.area_um2),
            ] {
                let positive = value.is_finite() && value > 0.0;
                TileError::check(positive, field, value, "is not finite and > 0")?;
            }
            let energy = stage.energy_pj;
            let ok = energy.is_finite() && energy >= 0.0;
            TileError::check(ok, "energy_pj of a layer", energy, "is not finite and ≥ 0")?;
        }
        Ok(Self { stages })
    }

    /// The layers.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// With one copy of every layer.
    pub fn single(&self) -> Throughput {
        self.with(&vec![1; self.stages.len()])
    }

    /// With so many copies of each layer.
    ///
    /// # Panics
    ///
    /// Unless there is a number ≥ 1 for every layer.
    #[track_caller]
    pub fn with(&self, copies: &[usize]) -> Throughput {
        let (count, layers) = (copies.len(), self.stages.len());
        assert_eq!(count, layers, "{count} numbers of copies for {layers} layers");
        assert!(copies.iter().all(|&c| c >= 1), "{copies:?}: a layer without a copy");
        let each = || self.stages.iter().zip(copies);
        let sum = |of: fn(&Stage) -> f64| self.stages.iter().map(of).sum::<f64>();
        let interval_ns = each().map(|(stage, &c)| interval(stage, c)).fold(0.0, f64::max);
        let busy: Vec<f64> = each().map(|(stage, &c)| interval(stage, c) / interval_ns).collect();
        let tiles = each().map(|(stage, c)| stage.tiles * c).sum();
        let working: f64 =
            each().zip(&busy).map(|((stage, c), busy)| (stage.tiles * c) as f64 * busy).sum();
        Throughput {
            copies: copies.to_vec(),
            interval_ns,
            latency_ns: sum(Stage::busy_ns),
            energy_pj: sum(|stage| stage.products * stage.energy_pj),
            area_um2: area(&self.stages, copies),
            tiles,
            busy,
            utilisation: working / tiles as f64,
        }
    }

    /// The copies of the shortest interval in an area, no more of any layer than that takes; one of
    /// each where not even these fit. Takes a step for every copy.
    ///
    /// # Panics
    ///
    /// If the area has no end.
    #[track_caller]
    pub fn copies_within(&self, area_um2: f64) -> Vec<usize> {
        assert!(area_um2 < f64::INFINITY || area_um2.is_nan(), "an area of {area_um2} µm²");
        let mut copies = vec![1; self.stages.len()];
        loop {
            let intervals = self.stages.iter().zip(&copies).map(|(stage, &c)| interval(stage, c));
            let slowest = intervals.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
            let slowest = slowest.map_or(0, |(l, _)| l);
            copies[slowest] += 1;
            // NaN fits no copy.
            let fits = area(&self.stages, &copies) <= area_um2;
            if !fits {
                copies[slowest] -= 1;
                return self.least(copies);
            }
        }
    }

    /// Takes back what does not shorten the interval.
    fn least(&self, copies: Vec<usize>) -> Vec<usize> {
        let interval_ns = self.with(&copies).interval_ns;
        let enough = |(stage, c): (&Stage, usize)| {
            (1..=c).rev().take_while(|&c| interval(stage, c) <= interval_ns).last().unwrap_or(c)
        };
        self.stages.iter().zip(copies).map(enough).collect()
    }
}

/// Time from an inference to the next that a layer can keep.
fn interval(stage: &Stage, copies: usize) -> f64 {
    stage.busy_ns() / copies as f64
}

fn area(stages: &[Stage], copies: &[usize]) -> f64 {
    stages.iter().zip(copies).map(|(stage, &c)| stage.area_um2 * c as f64).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stage(products: f64, latency_ns: f64, area_um2: f64) -> Stage {
        let (name, tiles) = (format!("{products} × {latency_ns}"), area_um2 as usize);
        Stage { name, tiles, products, latency_ns, energy_pj: 10.0, area_um2 }
    }

    /// Layers of 100, 30 and 60 ns, of 1, 2 and 4 tiles.
    fn three() -> Pipeline {
        let stages = vec![stage(10.0, 10.0, 1.0), stage(3.0, 10.0, 2.0), stage(2.0, 30.0, 4.0)];
        Pipeline::new(stages).unwrap()
    }

    #[test]
    fn the_slowest_layer_sets_the_interval() {
        let once = three().single();
        assert_eq!((once.interval_ns, once.latency_ns), (100.0, 190.0));
        assert_eq!((once.energy_pj, once.area_um2, once.tiles), (150.0, 7.0, 7));
        assert_eq!(once.busy, [1.0, 0.3, 0.6]);
        assert!((once.utilisation - (1.0 + 0.6 + 2.4) / 7.0).abs() < 1e-12);
        assert!((once.per_second() - 1e7).abs() < 1e-3);
    }

    #[test]
    fn copies_go_to_the_slowest_layer_as_long_as_there_is_area() {
        let three = three();
        // No room, one copy of the first, and one more would not be of use: the third is slower.
        assert_eq!(three.copies_within(0.0), [1, 1, 1]);
        assert_eq!(three.copies_within(7.9), [1, 1, 1]);
        assert_eq!(three.copies_within(8.0), [2, 1, 1]);
        assert_eq!(three.copies_within(11.9), [2, 1, 1]);
        // 50, 30, 30 ns; with another of the first 100/3.
        assert_eq!(three.copies_within(12.0), [2, 1, 2]);
        assert_eq!(three.copies_within(13.0), [3, 1, 2]);
        let copied = three.with(&three.copies_within(13.0));
        assert!((copied.interval_ns - 100.0 / 3.0).abs() < 1e-12);
        assert_eq!((copied.latency_ns, copied.energy_pj), (190.0, 150.0));
        assert_eq!(three.copies_within(f64::NAN), [1, 1, 1]);
    }

    #[test]
    fn layers_that_are_none_are_refused_by_name() {
        let error = |stages: Vec<Stage>| Pipeline::new(stages).unwrap_err().to_string();
        assert!(error(Vec::new()).starts_with("layers of a pipeline = 0 "));
        assert!(error(vec![stage(0.0, 1.0, 1.0)]).starts_with("products of a layer = 0 "));
        assert!(error(vec![stage(1.0, f64::NAN, 1.0)]).starts_with("latency_ns of a layer = NaN "));
        assert!(error(vec![stage(1.0, 1.0, 0.0)]).starts_with("tiles of a layer = 0 "));
        let dear = Stage { energy_pj: f64::INFINITY, ..stage(1.0, 1.0, 1.0) };
        assert!(error(vec![dear]).starts_with("energy_pj of a layer = inf "));
    }

    /// All choices of at most `most` copies of each layer that fit.
    fn brute_force(pipeline: &Pipeline, area_um2: f64, most: usize) -> f64 {
        let layers = pipeline.stages().len();
        let choices = (0..most.pow(layers as u32)).map(|k| {
            (0..layers).map(|l| 1 + k / most.pow(l as u32) % most).collect::<Vec<usize>>()
        });
        let fitting = choices.map(|copies| pipeline.with(&copies));
        let fitting = fitting.filter(|found| found.area_um2 <= area_um2);
        fitting.map(|found| found.interval_ns).fold(pipeline.single().interval_ns, f64::min)
    }

    proptest! {
        #[test]
        fn copies_are_as_good_as_the_best_of_all_choices(
            layers in proptest::collection::vec((1u32..20, 1u32..6), 1..4),
            spare in 0u32..16,
        ) {
            let stages = layers.iter().map(|&(n, area)| stage(n.into(), 10.0, area.into()));
            let pipeline = Pipeline::new(stages.collect()).unwrap();
            let single = pipeline.single();
            let area_um2 = single.area_um2 + f64::from(spare);
            let found = pipeline.with(&pipeline.copies_within(area_um2));
            prop_assert!(found.area_um2 <= area_um2);
            prop_assert!(found.interval_ns <= single.interval_ns, "never worse than none");
            // Of areas ≥ 1 no layer has more than 17 copies.
            prop_assert_eq!(found.interval_ns, brute_force(&pipeline, area_um2, 17));
            // More area never makes it slower, and no copy could be left out.
            let more = pipeline.with(&pipeline.copies_within(area_um2 + 1.0));
            prop_assert!(more.interval_ns <= found.interval_ns);
            for l in (0..layers.len()).filter(|&l| found.copies[l] > 1) {
                let mut fewer = found.copies.clone();
                fewer[l] -= 1;
                prop_assert!(pipeline.with(&fewer).interval_ns > found.interval_ns);
            }
            prop_assert!(found.busy.iter().all(|busy| *busy <= 1.0));
            prop_assert!((0.0..=1.0 + 1e-12).contains(&found.utilisation));
            prop_assert_eq!((found.energy_pj, found.latency_ns), (single.energy_pj, single.latency_ns));
        }
    }
}
