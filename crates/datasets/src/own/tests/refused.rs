//! What is wrong is named: the file, the array, the row.

use super::files::{Folder, bytes_of, npy, npz, png};
use super::open;

fn f32s(values: &[f32]) -> Vec<u8> {
    bytes_of(values.iter().map(|x| x.to_le_bytes()))
}

fn i64s(values: &[i64]) -> Vec<u8> {
    bytes_of(values.iter().map(|x| x.to_le_bytes()))
}

/// What is said of a description; `x.npz` has x (4, 1) of real numbers and y (4) of labels.
fn said(text: &str) -> String {
    let folder = Folder::new();
    let x = npy("<f4", "(4, 1)", &f32s(&[0.0, 1.0, 2.0, 3.0]));
    let y = |values: [i64; 4]| npy("<i8", "(4,)", &i64s(&values));
    let with = |x: &[u8], y: Vec<u8>| npz(&[("x.npy", x.to_vec()), ("y.npy", y)]);
    folder.write("x.npz", &with(&x, y([0, 1, 0, 1])));
    folder.write("class2.npz", &with(&x, y([0, 1, 2, 1])));
    folder.write("negative.npz", &with(&x, y([0, 1, -2, 1])));
    folder.write("three.npz", &with(&x, npy("<i8", "(3,)", &i64s(&[0, 1, 0]))));
    folder.write("rows.npz", &with(&x, npy("<i8", "(4, 2)", &i64s(&[0, 1, 0, 1, 5, -1, 0, 1]))));
    folder.write("real.npz", &with(&x, npy("<f4", "(4,)", &f32s(&[0.5, 1.0, 2.0, 0.0]))));
    let nan = npy("<f4", "(4, 1)", &f32s(&[0.0, 1.0, f32::NAN, 3.0]));
    folder.write("nan.npz", &with(&nan, y([0, 1, 0, 1])));
    folder.write("none.npz", &with(&npy("<f4", "(0, 1)", &[]), npy("<i8", "(0,)", &[])));
    folder.write("x-only.npz", &npz(&[("x.npy", x.clone())]));
    folder
        .write("two.npz", &npz(&[("a.npy", x.clone()), ("b.npy", x), ("y.npy", y([0, 1, 0, 1]))]));
    folder.write("text.csv", b"a,y\n1,cat\n2,dog\n3,cat\n");
    folder.write("other.csv", b"a,y\n1,cat\n2,elk\n");
    folder.write("columns.csv", b"b,y\n1,cat\n");
    folder.write("numbers.csv", b"a,y\n1,1\n2,0\n");
    folder.write("odd/a/1.png", &png(2, 2, 1, &[0; 4]));
    folder.write("odd/b/2.png", &png(2, 1, 1, &[0; 2]));
    folder.write("kinds/a/1.png", &png(1, 1, 1, &[0]));
    folder.write("kinds/a/2.png", &png(1, 1, 3, &[0; 3]));
    folder.write("notes/a/1.txt", b"no image");
    folder.write("flat/1.png", &png(1, 1, 1, &[0]));
    folder.write("nothing.bin", b"??");
    let file = folder.write("it.toml", text.as_bytes());
    let error = open(&file).expect_err(text);
    assert!(!error.contains('\n'), "{error}");
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn descriptions_that_make_no_sense() {
    for (text, expected) in [
        ("train = \"x.npz\"\nresize = 3\n", "it.toml: line 2: unknown field `resize`"),
        ("task = \"guess\"\ntrain = \"x.npz\"\n", "it.toml: line 1: unknown variant `guess`"),
        ("train = 3\n", "it.toml: line 1: invalid type: integer `3`, expected a path, or a table"),
        ("train = \"x.npz\"\nsplit = 1.0\n", "it.toml: split is 1, not between 0 and 1"),
        (
            "train = \"x.npz\"\ntest = \"x.npz\"\nsplit = 0.1\n",
            "it.toml: `split` holds examples out, where `test` names others",
        ),
        (
            "task = \"regression\"\nmetric = \"f1\"\ntrain = \"x.npz\"\n",
            "it.toml: the metric f1 is not of regression, which has mse, mae, r2",
        ),
        (
            "metric = \"mse\"\ntrain = \"x.npz\"\nsplit = 0.5\n",
            "it.toml: the metric mse is not of classification, which has error, top-5-error",
        ),
        ("train = \"x.npz\"\ntarget = \"y\"\n", "x.npz: `target` names columns of a table"),
        (
            "train = \"x.npz\"\n[normalization]\nstd = [0.0]\n",
            "it.toml: normalization.std has 0, which is not positive",
        ),
        (
            "train = \"two.npz\"\nsplit = 0.5\n[normalization]\nscale = 0.5\n",
            "it.toml: normalization is of one input; there are a, b",
        ),
        ("train = \"gone.npz\"\n", "cannot read gone.npz: "),
        ("train = \"nothing.bin\"\n", "nothing.bin: no file of a known kind"),
        ("train = { x = \"two.npz\", y = \"x.npz\" }", "two.npz: it has no array x, but a, b, y"),
        ("train = { x = \"text.csv\" }", "text.csv: a table or a folder stands for x and y"),
        (
            "train = \"x.npz\"\nlayout = \"nhwc\"\nsplit = 0.5\n[augmentation]\ncutout = 1",
            "it.toml: line 5: unknown field `cutout`",
        ),
    ] {
        let error = said(text);
        assert!(error.starts_with(expected), "{text}\n{error}");
    }
}

#[test]
fn data_that_do_not_fit() {
    for (text, expected) in [
        ("train = \"three.npz\"\n", "three.npz: array y: 3 examples, and 4 of array x"),
        ("train = \"nan.npz\"\n", "nan.npz: array x: row 2 has NaN"),
        ("train = \"none.npz\"\n", "none.npz: array x: no examples"),
        ("train = \"x-only.npz\"\n", "x-only.npz: it has no array y"),
        (
            "train = \"negative.npz\"\n",
            "negative.npz: row 2 of y has -2, which is not in 0 … 4294967294",
        ),
        (
            "task = \"classification\"\ntrain = \"real.npz\"\n",
            "real.npz: y has numbers that are not whole; classification has labels",
        ),
        (
            "train = \"rows.npz\"\n",
            "rows.npz: y has whole numbers of shape [2] for each example: `task` must say",
        ),
        (
            "task = \"multi-label\"\ntrain = \"rows.npz\"\n",
            "rows.npz: row 2 of y has 5, which is not in 0 … 1",
        ),
        (
            "task = \"classification\"\ntrain = \"rows.npz\"\n",
            "rows.npz: y has [2] for each example; classification has one label",
        ),
        (
            "task = \"language-modelling\"\ntrain = \"x.npz\"\n",
            "x.npz: y is there, where language-modelling has the next token of x",
        ),
        (
            "train = \"x.npz\"\ntest = \"class2.npz\"\n",
            "class2.npz: test example 2 has the class 2, and no training example a class above 1",
        ),
        (
            "train = \"text.csv\"\ntest = \"other.csv\"\n",
            "other.csv: no training example is of the class \"elk\"",
        ),
        (
            "train = \"text.csv\"\ntest = \"columns.csv\"\n",
            "columns.csv: its columns of x are b; those of training are a",
        ),
        (
            "train = \"text.csv\"\ntest = \"numbers.csv\"\n",
            "numbers.csv: its y are numbers, and those of training names",
        ),
        (
            "task = \"regression\"\ntrain = \"text.csv\"\n",
            "text.csv: line 2, column y: \"cat\" is no finite number",
        ),
        (
            "train = \"odd\"\n",
            "odd/b/2.png: grey, 2 × 1, where the images before it are grey, 2 × 2",
        ),
        ("train = \"kinds\"\n", "kinds/a/2.png: RGB, 1 × 1, where the images before it are grey"),
        ("train = \"notes\"\n", "notes/a/1.txt: neither PNG nor JPEG"),
        ("train = \"flat\"\n", "flat: it has no folders of images, one for each class"),
        ("task = \"regression\"\ntrain = \"kinds\"\ntest = \"kinds\"\n", "kinds/a/2.png: RGB"),
    ] {
        let error = said(text);
        assert!(error.starts_with(expected), "{text}\n{error}");
    }
}
