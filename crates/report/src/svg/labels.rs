//! Where the names of points are written, so that they do not lie on each other.

/// Height of a line of text, in pixels of the drawing.
pub(super) const HEIGHT: i32 = 15;

/// A rectangle of the drawing.
#[derive(Clone, Copy, Debug)]
struct Box {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

impl Box {
    fn overlap(&self, other: &Self) -> i32 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        width.max(0) * height.max(0)
    }

    fn area(&self) -> i32 {
        (self.right - self.left) * (self.bottom - self.top)
    }
}

/// Upper left corners of the names of points at `points`, inside `width` by `height` pixels from
/// `origin`.
///
/// Each name takes the first of eight places around its point (right, left, above, below, the
/// corners) that hides least of the points and of the names before it.
pub(crate) fn place(
    points: &[(i32, i32)],
    names: &[String],
    origin: (i32, i32),
    (width, height): (i32, i32),
) -> Vec<(i32, i32)> {
    let axes =
        Box { left: origin.0, right: origin.0 + width, top: origin.1, bottom: origin.1 + height };
    let mut taken: Vec<Box> = points
        .iter()
        .map(|&(x, y)| Box { left: x - 5, right: x + 5, top: y - 5, bottom: y + 5 })
        .collect();
    let mut places = Vec::with_capacity(names.len());
    for (&(x, y), name) in points.iter().zip(names) {
        // Sans-serif letters are about half as wide as they are high.
        let wide = 7 * i32::try_from(name.chars().count()).unwrap_or(i32::MAX / 14) + 2;
        let half = HEIGHT / 2;
        let (right, left, middle) = (x + 7, x - 7 - wide, x - wide / 2);
        let (above, below) = (y - 7 - HEIGHT, y + 7);
        let candidates = [
            (right, y - half),
            (left, y - half),
            (middle, above),
            (middle, below),
            (right, above),
            (right, below),
            (left, above),
            (left, below),
        ]
        .map(|(left, top)| Box { left, right: left + wide, top, bottom: top + HEIGHT });
        let hidden = |b: &Box| {
            let outside = b.area() - b.overlap(&axes);
            outside + taken.iter().map(|other| b.overlap(other)).sum::<i32>()
        };
        let best = candidates.into_iter().min_by_key(hidden).expect("there are eight places");
        places.push((best.left, best.top));
        taken.push(best);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_avoid_each_other_and_the_edge() {
        let names = ["8 bits".to_owned(), "7 bits".to_owned(), "6 bits".to_owned()];
        let points = [(50, 50), (54, 52), (295, 50)];
        let places = place(&points, &names, (0, 0), (300, 100));
        let boxes: Vec<Box> = places
            .iter()
            .map(|&(left, top)| Box { left, right: left + 44, top, bottom: top + HEIGHT })
            .collect();
        assert_eq!(boxes[0].overlap(&boxes[1]), 0, "{places:?}");
        assert!(boxes[2].right <= 300, "the last name is cut off: {places:?}");
        assert!(boxes.iter().all(|b| b.left >= 0 && b.top >= 0), "{places:?}");
    }
}
