//! Points packed into the elements of an array job by what they are expected to cost.

use std::collections::BTreeMap;

/// What a point is expected to cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Seconds on one core.
    pub core_s: f64,
    /// Points of one group share a trained network; none is alone.
    pub group: Option<String>,
}

/// What an array job has room for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Room {
    /// Cores of an element.
    pub cores: usize,
    /// Seconds that an element may take.
    pub limit_s: f64,
    /// Seconds from which an element is worth its start.
    pub least_s: f64,
    /// The most elements.
    pub most: usize,
}

/// How much longer elements are made while there are too many of them.
const STEP: f64 = 1.25;

/// Seconds that an element takes: its points run side by side, the next in line on the core that is
/// free first, and cores beyond their number serve the kernels.
///
/// Assumed: a point on several cores takes its share of the time on one.
pub fn element_s(core_s: impl IntoIterator<Item = f64>, cores: usize) -> f64 {
    let mut costs: Vec<f64> = core_s.into_iter().collect();
    if costs.is_empty() {
        return 0.0;
    }
    costs.sort_by(|a, b| b.total_cmp(a));
    let workers = cores.clamp(1, costs.len());
    let inner = (cores / workers).max(1) as f64;
    let mut busy = vec![0.0_f64; workers];
    for cost in costs {
        let free = busy.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("there is a worker");
        *free += cost / inner;
    }
    busy.into_iter().fold(0.0, f64::max)
}

/// Every point in one element, by its index, the costliest first.
///
/// No element takes longer than the limit unless it is a single point that does, or there would be
/// more than the most elements. Points that share a trained network stay together as long as they
/// keep to the limit, for whoever comes second waits for the first. Elements are as short as their
/// number allows, but not without need shorter than what is worth a start.
pub fn pack(costs: &[Cost], room: &Room) -> Vec<Vec<usize>> {
    let items = items(costs, room);
    let time = |points: &[usize]| element_s(points.iter().map(|&i| costs[i].core_s), room.cores);
    let total: f64 = costs.iter().map(|cost| cost.core_s).sum();
    let spread = total / (room.cores * room.most.max(1)) as f64;
    let mut target = room.least_s.max(spread).min(room.limit_s);
    let mut elements = loop {
        let elements = first_fit(&items, target, &time);
        if elements.len() <= room.most || target >= room.limit_s {
            break elements;
        }
        target = (target * STEP).min(room.limit_s);
    };
    if elements.len() > room.most {
        elements = spread_over(elements, room.most.max(1), &time);
    }
    for element in &mut elements {
        element.sort_by(|&a, &b| costs[b].core_s.total_cmp(&costs[a].core_s).then(a.cmp(&b)));
    }
    elements
}

/// Points that stay together: a group, or as much of it as keeps to the limit.
fn items(costs: &[Cost], room: &Room) -> Vec<Vec<usize>> {
    let time = |points: &[usize]| element_s(points.iter().map(|&i| costs[i].core_s), room.cores);
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut items = Vec::new();
    for (i, cost) in costs.iter().enumerate() {
        match &cost.group {
            Some(group) => groups.entry(group).or_default().push(i),
            None => items.push(vec![i]),
        }
    }
    for group in groups.into_values() {
        if time(&group) <= room.limit_s {
            items.push(group);
        } else {
            let single: Vec<Vec<usize>> = group.into_iter().map(|i| vec![i]).collect();
            items.extend(first_fit(&single, room.limit_s, &time));
        }
    }
    items
}

/// Items by falling time, each in the first element that has room for it.
fn first_fit(
    items: &[Vec<usize>],
    limit_s: f64,
    time: &impl Fn(&[usize]) -> f64,
) -> Vec<Vec<usize>> {
    /// An element, with its time if it were spread evenly over all cores.
    struct Element {
        points: Vec<usize>,
        even_s: f64,
    }
    // A point alone has all cores.
    let even = |points: &[usize]| -> f64 { points.iter().map(|i| time(&[*i])).sum() };
    let mut sorted: Vec<(f64, &Vec<usize>)> = items.iter().map(|item| (even(item), item)).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut elements: Vec<Element> = Vec::new();
    for (even_s, item) in sorted {
        let room = elements.iter_mut().find_map(|element| {
            if element.even_s + even_s > limit_s {
                return None;
            }
            let together = [&element.points[..], item].concat();
            (time(&together) <= limit_s).then_some((element, together))
        });
        match room {
            Some((element, together)) => {
                element.points = together;
                element.even_s += even_s;
            }
            None => elements.push(Element { points: item.clone(), even_s }),
        }
    }
    elements.into_iter().map(|element| element.points).collect()
}

/// Elements put together until no more than `most` are left, the longest with the shortest.
fn spread_over(
    elements: Vec<Vec<usize>>,
    most: usize,
    time: &impl Fn(&[usize]) -> f64,
) -> Vec<Vec<usize>> {
    let mut sorted: Vec<(f64, Vec<usize>)> =
        elements.into_iter().map(|element| (time(&element), element)).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut all: Vec<(f64, Vec<usize>)> = vec![(0.0, Vec::new()); most];
    for (seconds, element) in sorted {
        let least = all.iter_mut().min_by(|a, b| a.0.total_cmp(&b.0)).expect("there is one");
        least.0 += seconds;
        least.1.extend(element);
    }
    all.into_iter().map(|(_, points)| points).filter(|points| !points.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alone(core_s: f64) -> Cost {
        Cost { core_s, group: None }
    }

    fn time(costs: &[Cost], element: &[usize], cores: usize) -> f64 {
        element_s(element.iter().map(|&i| costs[i].core_s), cores)
    }

    #[test]
    fn an_element_takes_as_long_as_its_busiest_core() {
        assert_eq!(element_s([], 4), 0.0);
        assert_eq!(element_s([8.0], 4), 2.0);
        assert_eq!(element_s([8.0, 4.0], 4), 4.0);
        // Five on four cores: the shortest waits for the first that is free.
        assert_eq!(element_s([1.0, 8.0, 7.0, 6.0, 5.0], 4), 8.0);
        assert_eq!(element_s([3.0, 3.0, 3.0], 1), 9.0);
    }

    #[test]
    fn short_points_share_an_element_and_long_ones_have_their_own() {
        let costs: Vec<Cost> = [30.0, 30.0, 590.0, 4000.0, 30.0].map(alone).into();
        let room = Room { cores: 1, limit_s: 3600.0, least_s: 600.0, most: 1000 };
        assert_eq!(pack(&costs, &room), [vec![3], vec![2], vec![0, 1, 4]]);
    }

    #[test]
    fn who_shares_a_network_stays_together_up_to_the_limit() {
        let of = |group: &str| Cost { core_s: 900.0, group: Some(group.to_owned()) };
        let costs = [of("a"), of("b"), of("a"), of("b"), alone(900.0)];
        let room = Room { cores: 1, limit_s: 3600.0, least_s: 0.0, most: 1000 };
        let mut elements = pack(&costs, &room);
        elements.sort();
        assert_eq!(elements, [vec![0, 2], vec![1, 3], vec![4]]);
        // Of a group that is too large as many as there is time for.
        let mut elements = pack(&costs, &Room { limit_s: 1000.0, ..room });
        elements.sort();
        assert_eq!(elements.len(), 5);
    }

    #[test]
    fn there_are_never_more_elements_than_a_scheduler_takes() {
        let costs = vec![alone(3000.0); 2500];
        let room = Room { cores: 1, limit_s: 3600.0, least_s: 600.0, most: 1000 };
        let elements = pack(&costs, &room);
        assert_eq!(elements.len(), 1000);
        assert!(elements.iter().all(|element| (2..=3).contains(&element.len())));
    }

    proptest! {
        #[test]
        fn every_point_is_in_one_element_and_keeps_to_the_limit(
            points in prop::collection::vec((0.0..20_000.0_f64, 0..6_u8), 0..300),
            cores in 1..20_usize,
            limit_s in 1.0..20_000.0_f64,
            least_s in 0.0..2000.0_f64,
            most in 1..200_usize,
        ) {
            let cost = |&(core_s, group): &(f64, u8)| Cost {
                core_s,
                group: (group > 2).then(|| group.to_string()),
            };
            let costs: Vec<Cost> = points.iter().map(cost).collect();
            let room = Room { cores, limit_s, least_s, most };
            let elements = pack(&costs, &room);
            let mut all: Vec<usize> = elements.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..costs.len()).collect::<Vec<_>>());
            prop_assert!(elements.len() <= most);
            prop_assert!(elements.iter().all(|element| !element.is_empty()));
            let over = elements.iter().filter(|element| {
                element.len() > 1 && time(&costs, element, cores) > limit_s * (1.0 + 1e-12)
            });
            if over.count() > 0 {
                prop_assert_eq!(elements.len(), most, "there was room for another element");
            }
        }

        #[test]
        fn more_room_needs_no_more_elements_than_points(
            costs in prop::collection::vec(0.1..100.0_f64, 1..50),
        ) {
            let costs: Vec<Cost> = costs.into_iter().map(alone).collect();
            let room = Room { cores: 4, limit_s: 1e9, least_s: 1e9, most: 1000 };
            prop_assert_eq!(pack(&costs, &room).len(), 1);
        }
    }
}
