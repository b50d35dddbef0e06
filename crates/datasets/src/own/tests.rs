//! The same numbers from every kind of file, and what is refused.

mod damaged;
mod files;
mod metrics;
mod refused;

use std::path::Path;

use nn::Augmentation;
use numerics::Seed;

use crate::folder::DataFolder;

use self::files::{Folder, bytes_of, npy, npz, png};
use super::{Dataset, Description, Elements, InputNeed, Metric, Task};

fn open(path: &Path) -> Result<Dataset, String> {
    Dataset::open(path, &DataFolder::new(None)).map_err(|error| error.to_string())
}

/// Ten images of 2 × 3 pixels, the first five of the class 0.
fn pixels(channels: usize) -> Vec<u8> {
    (0..10 * 6 * channels).map(|i| (i * 37 % 251) as u8).collect()
}

/// (height, width, channels) from (channels, height, width).
fn channels_last(pixels: &[u8], channels: usize) -> Vec<u8> {
    let images = pixels.chunks(6 * channels);
    let turned = images
        .flat_map(|image| (0..6).flat_map(move |p| (0..channels).map(move |c| image[c * 6 + p])));
    turned.collect()
}

const NORMALIZATION: &str =
    "[normalization]\nscale = 0.00392156862745098\nmean = [0.1307]\nstd = [0.3081]\n";

/// The whole of both splits as a network of images is given them, with their labels.
fn batches(description: &str, folder: &Folder, channels: usize) -> Vec<(Vec<f32>, Vec<i64>)> {
    let file = folder.write("data.toml", description.as_bytes());
    let mut data = open(&file).unwrap();
    let need = InputNeed {
        name: "image".to_owned(),
        shape: vec![Some(channels), Some(2), Some(3)],
        integers: false,
    };
    data.fit(&[need]).unwrap();
    assert_eq!((data.task(), data.classes()), (Task::Classification, Some(2)));
    let of = |examples: &super::Examples| {
        let all: Vec<u32> = (0..examples.len() as u32).collect();
        let batch = examples.gather("image", &all, None);
        assert_eq!(batch.shape(), [all.len(), channels, 2, 3]);
        (batch.data().to_vec(), examples.targets().integers(&all))
    };
    vec![of(&data.train), of(&data.test)]
}

#[test]
fn every_kind_of_file_gives_the_same_batch() {
    for channels in [1, 3] {
        let folder = Folder::new();
        let pixels = pixels(channels);
        let last = channels_last(&pixels, channels);
        let floats: Vec<u8> = bytes_of(pixels.iter().map(|&p| f32::from(p).to_le_bytes()));
        let labels: Vec<u8> = bytes_of((0..10i64).map(|i| (i / 5).to_le_bytes()));
        let first = format!("(10, {channels}, 2, 3)");
        folder.write("y.npy", &npy("<i8", "(10,)", &labels));
        folder.write("x.npy", &npy("<f4", &first, &floats));
        let x_last = npy("|u1", &format!("(10, 2, 3, {channels})"), &last);
        let y = npy("<i8", "(10,)", &labels);
        let packed = npz(&[("image.npy", npy("|u1", &first, &pixels)), ("y.npy", y.clone())]);
        folder.write("first.npz", &packed);
        folder.write("last.npz", &npz(&[("x.npy", x_last), ("y.npy", y)]));
        for (i, image) in last.chunks(6 * channels).enumerate() {
            let class = ["ants", "bees"][i / 5];
            folder.write(&format!("images/{class}/{i}.png"), &png(3, 2, channels, image));
        }
        let names: Vec<String> = (0..6 * channels).map(|i| format!("p{i}")).collect();
        let mut csv = format!("kind,{}\n", names.join(","));
        for (i, image) in pixels.chunks(6 * channels).enumerate() {
            let cells: Vec<String> = image.iter().map(u8::to_string).collect();
            csv += &format!("{},{}\n", ["ants", "bees"][i / 5], cells.join(","));
        }
        folder.write("table.csv", csv.as_bytes());
        let shape = [10, channels, 2, 3];
        let tensors = files::safetensors(&[
            ("image", safetensors::Dtype::U8, &shape, &pixels),
            ("y", safetensors::Dtype::I64, &[10], &labels),
        ]);
        folder.write("data.safetensors", &tensors);
        let mut sources = vec![
            "train = \"first.npz\"",
            "train = \"last.npz\"\nlayout = \"nhwc\"",
            "train = { x = \"x.npy\", y = \"y.npy\" }",
            "train = { image = \"x.npy\", y = \"last.npz\" }",
            "train = \"images\"",
            "train = \"table.csv\"\ntarget = \"kind\"",
            "train = \"data.safetensors\"",
        ];
        if channels == 1 {
            let labels: Vec<u8> = (0..10).map(|i| i / 5).collect();
            folder.write("x-idx3", &files::idx(8, &[10, 2, 3], &pixels));
            folder.write("y-idx1.gz", &files::gz(&files::idx(8, &[10], &labels)));
            sources.push("train = { x = \"x-idx3\", y = \"y-idx1.gz\" }");
        }
        let batches = |source: &str| {
            let text = format!("task = \"classification\"\nsplit = 0.2\n{source}\n{NORMALIZATION}");
            batches(&text, &folder, channels)
        };
        let expected = batches(sources[0]);
        let value = (f32::from(pixels[0]) * (1.0 / 255.0) - 0.1307) / 0.3081;
        assert_eq!((expected[0].1.len(), expected[1].1.len()), (8, 2));
        let firsts = [expected[0].0[0], expected[1].0[0]];
        assert!(firsts.iter().any(|x| x.to_bits() == value.to_bits()), "{firsts:?}");
        for source in &sources[1..] {
            assert_eq!(batches(source), expected, "{source}");
        }
    }
}

#[test]
fn bytes_stay_bytes() {
    let data = DataFolder::new(None);
    let text = "train = { x = \"mnist/train-images-idx3-ubyte.gz\", \
                y = \"mnist/train-labels-idx1-ubyte.gz\" }\n\
                test = { x = \"mnist/t10k-images-idx3-ubyte.gz\", \
                y = \"mnist/t10k-labels-idx1-ubyte.gz\" }\n";
    let folder = Folder::new();
    let description = Description::read(&folder.write("mnist.toml", text.as_bytes())).unwrap();
    let own = Dataset::read(description, &data).unwrap();
    assert_eq!(own.train.bytes(), 60_000 * 785);
    assert_eq!((own.classes(), own.metric()), (Some(10), Metric::Error));
    assert_eq!(own.test.inputs()["x"].shape(), [1, 28, 28]);
    let mnist = crate::mnist::Mnist::open(&data).unwrap();
    let Elements::U8(pixels) = own.test.inputs()["x"].elements() else { panic!("bytes") };
    assert_eq!(pixels, mnist.test.pixels());
    let chance = own.metric().chance(own.task(), own.train.targets());
    assert!((chance - (1.0 - 6742.0 / 60_000.0)).abs() < 1e-12, "{chance}");
}

/// A description of images with augmentation, and its data set.
fn augmented(folder: &Folder, train: &str, layout: &str) -> Dataset {
    let text = format!(
        "train = \"{train}\"\nlayout = \"{layout}\"\nsplit = 0.2\n{NORMALIZATION}\
         [augmentation]\npad_and_crop = 1\nmirror = true\ncut_out = 1\n"
    );
    open(&folder.write("augmented.toml", text.as_bytes())).unwrap()
}

#[test]
fn augmentation_is_that_of_images_in_any_layout() {
    let folder = Folder::new();
    let pixels = pixels(3);
    let y = npy("|u1", "(10,)", &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let last = npy("|u1", "(10, 2, 3, 3)", &channels_last(&pixels, 3));
    let floats: Vec<u8> = bytes_of(pixels.iter().map(|&p| f32::from(p).to_le_bytes()));
    let first = npy("<f4", "(10, 3, 2, 3)", &floats);
    folder.write("last.npz", &npz(&[("x.npy", last), ("y.npy", y.clone())]));
    folder.write("first.npz", &npz(&[("x.npy", first), ("y.npy", y)]));
    let (a, b) = (augmented(&folder, "last.npz", "nhwc"), augmented(&folder, "first.npz", "nchw"));
    let stream = Seed::new(3).stream();
    let augmentation = a.description.augmentation.unwrap();
    let examples = [5, 2, 2, 2, 7, 0];
    let batch = |data: &Dataset| data.train.gather("x", &examples, Some((&augmentation, &stream)));
    assert_eq!(batch(&a), batch(&b));
    let plain = a.train.gather("x", &examples, None);
    let still = Augmentation::default();
    assert_eq!(a.train.gather("x", &examples, Some((&still, &stream))), plain);
    // Each value is that of a pixel, of black, or zero; and by position, not by example.
    let augmented = batch(&a);
    let rows: Vec<&[f32]> = augmented.data().chunks(18).collect();
    assert!(rows[1] != rows[2] || rows[2] != rows[3]);
    let black = (0.0 - 0.1307) / 0.3081f32;
    for (row, plain) in rows.iter().zip(plain.data().chunks(18)) {
        for (channel, plain) in row.chunks(6).zip(plain.chunks(6)) {
            assert!(channel.iter().all(|x| plain.contains(x) || *x == black || *x == 0.0));
            assert_eq!(channel.iter().filter(|&&x| x == 0.0).count(), 1);
        }
    }
}

#[test]
fn a_path_is_a_description() {
    let folder = Folder::new();
    let of_path = |path: &Path| open(path).unwrap();
    let x = npy("<f8", "(4, 2)", &bytes_of((0..8).map(|i| f64::from(i).to_le_bytes())));
    let labels = npy("<i4", "(4, 1)", &bytes_of([0i32, 2, 1, 0].map(i32::to_le_bytes)));
    let path = folder.write("a.npz", &npz(&[("x.npy", x.clone()), ("y.npy", labels)]));
    // Too few for a tenth.
    let error = open(&path).unwrap_err();
    assert!(error.ends_with("of 4 examples a share of 0.1 cannot be held out"), "{error}");
    let targets = npy("<f4", "(4, 1)", &bytes_of([0f32, 2.5, 1.0, 0.0].map(f32::to_le_bytes)));
    let numbers = npz(&[("x.npy", x), ("y.npy", targets)]);
    let path = folder.write("b.npz", &numbers);
    let text = "train = \"b.npz\"\ntest = \"b.npz\"\n";
    let described = open(&folder.write("b.toml", text.as_bytes())).unwrap();
    assert_eq!(
        (described.task(), described.metric()),
        (Task::Regression, Metric::MeanSquaredError)
    );
    assert_eq!(described.test.targets().reals(&[1]), [2.5]);
    assert!(path.exists());
    for (split, count) in [("train", 3), ("test", 1)] {
        for (class, i) in ["b", "a"].into_iter().flat_map(|c| (0..count).map(move |i| (c, i))) {
            let path = format!("set/{split}/{class}/{i}.png");
            folder.write(&path, &png(1, 1, 1, &[class.as_bytes()[0] + i]));
        }
    }
    folder.write("set/train/.hidden", b"");
    let data = of_path(&folder.path().join("set"));
    assert_eq!(
        (data.train.len(), data.test.len(), data.class_names()),
        (6, 2, &["a", "b"].map(str::to_owned)[..])
    );
    assert_eq!(data.train.targets().integers(&[0, 3]), [0, 1]);
    assert_eq!(data.test.inputs()["x"].reals(&[0, 1]), [97.0, 98.0]);
}

#[test]
fn a_jpeg_file_is_an_image() {
    let folder = Folder::new();
    let jpeg = crate::grey_jpeg::grey_jpeg();
    for i in 0..4 {
        folder.write(&format!("set/train/a/{i}.jpg"), &jpeg);
        folder.write(&format!("set/test/a/{i}.jpg"), &jpeg);
    }
    let data = open(&folder.path().join("set")).unwrap();
    let x = &data.train.inputs()["x"];
    assert_eq!((x.shape(), x.reals(&[3])), (&[1, 8, 8][..], vec![128.0; 64]));
}

#[test]
fn tokens_are_followed_by_the_next_ones() {
    let folder = Folder::new();
    let tokens = npy("<i8", "(2, 3)", &bytes_of([5i64, 0, 1, 2, 3, 4].map(i64::to_le_bytes)));
    folder.write("text.npy", &tokens);
    let text = "task = \"language-modelling\"\ntrain = \"text.npy\"\ntest = \"text.npy\"\n";
    let mut data = open(&folder.write("text.toml", text.as_bytes())).unwrap();
    assert_eq!((data.classes(), data.metric()), (Some(6), Metric::Perplexity));
    assert_eq!(data.train.targets().integers(&[0, 1]), [0, 1, -1, 3, 4, -1]);
    let need = InputNeed { name: "ids".to_owned(), shape: vec![None], integers: true };
    data.fit(&[need]).unwrap();
    assert_eq!(data.train.gather_integers("ids", &[1]), (vec![1, 3], vec![2, 3, 4]));
}

#[test]
fn whole_numbers_become_integers_and_names_those_of_the_network() {
    let folder = Folder::new();
    folder.write("t.csv", b"a,b,y1,y2\n1,300,0,1\n2,3,1,0\n");
    let text =
        "task = \"multi-label\"\ntrain = \"t.csv\"\ntest = \"t.csv\"\ntarget = [\"y1\", \"y2\"]\n";
    let mut data = open(&folder.write("t.toml", text.as_bytes())).unwrap();
    assert_eq!((data.classes(), data.metric()), (Some(2), Metric::F1));
    assert_eq!(data.train.targets().integers(&[0, 1]), [0, 1, 1, 0]);
    let need = |name: &str, shape: &[Option<usize>], integers| InputNeed {
        name: name.to_owned(),
        shape: shape.to_vec(),
        integers,
    };
    data.fit(&[need("ids", &[Some(2)], true)]).unwrap();
    assert_eq!(data.test.gather_integers("ids", &[0]).1, [1, 300]);
    let error = data.check(&[need("ids", &[Some(3)], true)]).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "t.toml: training data, input ids: an example is of shape [2], and the network takes (3)"
        ),
        "{error}"
    );
    let error = data.check(&[need("x", &[None], true)]).unwrap_err().to_string();
    assert!(error.ends_with("input x: no array has that name; there are ids"), "{error}");
}

#[test]
fn several_inputs_are_named_and_steps_without_a_label_are_not_counted() {
    let folder = Folder::new();
    let i64s = |values: &[i64]| bytes_of(values.iter().map(|x| x.to_le_bytes()));
    let arrays = [
        ("ids.npy", npy("<i8", "(2, 3)", &i64s(&[4, 5, 0, 6, 7, 8]))),
        ("mask.npy", npy("|b1", "(2, 3)", &[1, 1, 0, 1, 1, 1])),
        ("y.npy", npy("<i8", "(2, 3)", &i64s(&[0, 2, -1, 1, 2, 2]))),
    ];
    folder.write("tags.npz", &npz(&arrays));
    let text = "task = \"sequence-labels\"\ntrain = \"tags.npz\"\ntest = \"tags.npz\"\n";
    let mut data = open(&folder.write("tags.toml", text.as_bytes())).unwrap();
    assert_eq!((data.classes(), data.metric()), (Some(3), Metric::Error));
    let need =
        |name: &str, integers| InputNeed { name: name.to_owned(), shape: vec![None], integers };
    data.fit(&[need("mask", false), need("ids", true)]).unwrap();
    assert_eq!(data.train.gather_integers("ids", &[1, 0]).1, [6, 7, 8, 4, 5, 0]);
    assert_eq!(data.train.gather("mask", &[0], None).data(), [1.0, 1.0, 0.0]);
    // Three of five that are counted are of the class 2.
    assert!((data.metric().chance(data.task(), data.train.targets()) - 0.4).abs() < 1e-12);
    let error = data.fit(&[need("ids", true)]).unwrap_err().to_string();
    assert!(error.ends_with("input mask: the network has no such input"), "{error}");
}

#[test]
fn what_does_not_fit_a_network_is_named() {
    let folder = Folder::new();
    folder.write("t.csv", b"a,b,y\n1.5,2,0\n3,4,1\n");
    let fit = |more: &str, shape: &[Option<usize>], integers| {
        let text = format!("train = \"t.csv\"\ntest = \"t.csv\"\n{more}");
        let mut data = open(&folder.write("t.toml", text.as_bytes())).unwrap();
        let need = InputNeed { name: "x".to_owned(), shape: shape.to_vec(), integers };
        data.fit(&[need])
            .map_err(|error| error.to_string().split_once("input x: ").unwrap().1.to_owned())
    };
    fit("[normalization]\nmean = [1.0, 2.0]\n", &[Some(2)], false).unwrap();
    fit("[augmentation]\nmirror = true\n", &[Some(1), Some(1), Some(2)], false).unwrap();
    for (more, shape, integers, expected) in [
        ("", &[Some(2)][..], true, "real numbers, where the network takes integers"),
        (
            "[normalization]\nmean = [1.0, 2.0, 3.0]\n",
            &[Some(2)],
            false,
            "normalization.mean has 3 numbers for 2 channels",
        ),
        (
            "[augmentation]\nmirror = true\n",
            &[None],
            false,
            "only images (channels, height, width) can be augmented",
        ),
        ("", &[Some(3), None], false, "an example is of shape [2], and the network takes (3, any)"),
    ] {
        assert_eq!(fit(more, shape, integers).unwrap_err(), expected);
    }
}

#[test]
fn the_checksum_is_of_contents_and_meaning_not_of_places() {
    let sum = |name: &str, csv: &str, more: &str| {
        let folder = Folder::new();
        folder.write(name, csv.as_bytes());
        let text = format!("train = \"{name}\"\nsplit = 0.5\n{more}");
        open(&folder.write("x.toml", text.as_bytes())).unwrap().sum
    };
    let table = "a,y\n1,0\n2,1\n3,0\n";
    let first = sum("a.csv", table, "");
    assert_eq!(first, sum("deep/b.csv", table, ""));
    assert_eq!(first, sum("a.csv", table, "task = \"classification\"\nmetric = \"error\"\n"));
    assert_ne!(first, sum("a.csv", "a,y\n1,0\n2,1\n4,0\n", ""));
    assert_ne!(first, sum("a.csv", table, "metric = \"f1\"\n"));
    assert_ne!(first, sum("a.csv", table, "[normalization]\nscale = 2.0\n"));
}
