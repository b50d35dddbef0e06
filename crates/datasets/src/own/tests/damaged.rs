//! Damaged files are refused, or read within their bounds.

use std::path::Path;

use crate::own::arrays::arrays;
use crate::own::image::Image;
use crate::own::table::{Wanted, table};
use crate::testing::mutations;

use super::files::{Folder, gz, idx, npy, npz, png, safetensors};
use super::open;

#[test]
fn arrays_have_as_many_elements_as_they_say() {
    let array = npy("<f4", "(2, 2)", &[7; 16]);
    let tensors = safetensors(&[
        ("x", safetensors::Dtype::BF16, &[2, 2], &[7; 8]),
        ("y", safetensors::Dtype::I32, &[2], &[1, 0, 0, 0, 0, 0, 0, 0]),
    ]);
    let whole = [
        ("x.npy", array.clone()),
        ("x.npz", npz(&[("x.npy", array.clone()), ("y.npy", npy("|b1", "(2,)", &[0, 1]))])),
        ("x.safetensors", tensors),
        ("x-idx3", idx(8, &[2, 2, 2], &[9; 8])),
    ];
    for (name, file) in whole {
        arrays(Path::new(name), &file).unwrap();
        for altered in mutations(&file, 2000) {
            let Ok(read) = arrays(Path::new(name), &altered) else { continue };
            for array in read.values() {
                assert_eq!(array.elements.len(), array.shape.iter().product::<usize>());
                assert!(array.elements.len() <= 1100 * altered.len());
            }
        }
    }
}

#[test]
fn sizes_that_are_claimed_are_not_believed() {
    let huge = "4611686018427387904";
    let claims = [
        ("x.npy", npy("<f4", &format!("({huge},)"), &[0; 4])),
        ("x.npz", npz(&[("x.npy", npy("<f4", &format!("({huge}, 4)"), &[]))])),
        ("x-idx3", idx(8, &[u32::MAX, u32::MAX, 2], &[0; 9])),
        ("x.safetensors", [&u64::MAX.to_le_bytes()[..], b"{}"].concat()),
        ("x.safetensors", {
            let header = format!(
                "{{\"x\":{{\"dtype\":\"F32\",\"shape\":[{huge}],\"data_offsets\":[0,{huge}]}}}}"
            );
            [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
        }),
    ];
    for (name, file) in claims {
        arrays(Path::new(name), &file).expect_err(name);
    }
    // The size of an image, with its checksum.
    let mut image = png(2, 2, 1, &[0; 4]);
    image[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let mut hash = flate2::Crc::new();
    hash.update(&image[12..29]);
    image[29..33].copy_from_slice(&hash.sum().to_be_bytes());
    let error = Image::decode(&image).unwrap_err();
    assert_eq!(error, "its size is 65536 × 65536");
}

#[test]
fn images_have_as_many_pixels_as_they_say() {
    for file in [png(3, 2, 3, &[5; 18]), png(3, 2, 1, &[5; 6]), crate::grey_jpeg::grey_jpeg()] {
        Image::decode(&file).unwrap();
        for altered in mutations(&file, 2000) {
            if let Ok(image) = Image::decode(&altered) {
                let Image { channels, height, width, pixels } = image;
                assert_eq!(pixels.len(), channels * height * width);
                assert!(pixels.len() <= 2048 * altered.len() + 4096);
            }
        }
    }
}

#[test]
fn tables_have_a_cell_in_each_column() {
    let text = b"a,kind,b\n1,cat,2.5\n3,ant,-4\n\"5\",\"cat\",1e2\n";
    let target = ["kind".to_owned()];
    for altered in mutations(text, 3000) {
        if let Ok(read) = table(&altered, Wanted::Named(&target), true) {
            assert_eq!(read.x.elements.len(), read.x.shape.iter().product::<usize>());
            assert_eq!(read.x.shape[1], read.columns.len());
            assert!(read.x.elements.len() <= altered.len());
            let y = read.y.unwrap();
            assert_eq!(y.elements.len(), read.x.shape[0]);
        }
    }
}

#[test]
fn packed_files_are_unpacked_whole() {
    let folder = Folder::new();
    let rows: String = (0..40).map(|i| format!("{i},{}\n", i % 2)).collect();
    let packed = gz(format!("a,y\n{rows}").as_bytes());
    let data = open(&folder.write("x.csv.gz", &packed)).unwrap();
    assert_eq!((data.train.len(), data.test.len()), (36, 4));
    for altered in mutations(&packed, 300) {
        if let Ok(data) = open(&folder.write("x.csv.gz", &altered)) {
            assert!(data.train.bytes() <= 1100 * altered.len());
        }
    }
}

#[test]
fn descriptions_are_read_or_refused() {
    let folder = Folder::new();
    folder.write("x.csv", b"a,y\n1,0\n2,1\n3,1\n4,0\n5,1\n");
    let text = b"task = \"classification\"\nmetric = \"f1\"\ntrain = \"x.csv\"\nsplit = 0.4\n\
                 target = \"y\"\n[normalization]\nscale = 0.5\nmean = [1.0]\n";
    open(&folder.write("x.toml", text)).unwrap();
    for altered in mutations(text, 500) {
        if let Err(error) = open(&folder.write("x.toml", &altered)) {
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
