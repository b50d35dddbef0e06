//! What is refused is refused at the line of the caller.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use numerics::{
    Accumulator, BitSource, BlockFormat, BlockQuantizer, Codes, CodesRef, Draw, FixedFormat,
    FixedMatrix, FixedView, FloatFormat, FloatQuantizer, Lfsr, LfsrConfig, Narrow, Overflow,
    Product, Quantizer, Register, Rounding, Schedule, Seed, Specials,
};

/// A file of its own, and one test, because the hook that sees a panic's place is the process's.
#[test]
fn refusals_name_the_line_of_the_caller() {
    static PLACE: Mutex<Option<String>> = Mutex::new(None);
    let stream = Seed::new(0).stream();
    let format = FixedFormat::new(4, 4).unwrap();
    let nearest = Quantizer::new(format, Rounding::NearestTiesEven);
    let stochastic = Quantizer::new(format, Rounding::Stochastic);
    let float = FloatQuantizer {
        format: FloatFormat::E4M3,
        rounding: Rounding::Up,
        overflow: Overflow::Saturate,
    };
    let far = FloatFormat::new(8, 7, 512, Specials::None).unwrap();
    let blocks = BlockQuantizer::new(BlockFormat::MXFP4, Rounding::NearestTiesEven);
    let wide = FixedFormat::new(1, 31).unwrap();
    let least = FixedMatrix::from_codes(wide, 2, 2, &[i32::MIN; 4]).unwrap();
    let two = FixedMatrix::zeros(format, 2, 2);
    let product = || Product::new(two.view(), two.view());
    let refused = || Product::new(least.view(), least.view());
    let huge = 1 << (usize::BITS - 1);
    let narrow = |format, schedule| {
        let register = Register::Fixed(format);
        Accumulator::Narrow(Narrow { register, rounding: Rounding::Down, schedule })
    };
    let draws = Accumulator::Narrow(Narrow {
        register: Register::Fixed(format),
        rounding: Rounding::Stochastic,
        schedule: Schedule::EachStep,
    });
    let lfsr = || Lfsr::new(LfsrConfig::maximal(16, 1, 1).unwrap()).unwrap();

    type Call<'a> = (u32, &'a dyn Fn());
    let calls: &[Call<'_>] = &[
        (line!(), &|| _ = Seed::new(0).child(-1)),
        (line!(), &|| _ = stream.below(0, 0)),
        (line!(), &|| _ = stream.permutation(usize::MAX)),
        (line!(), &|| stream.fill_words(u64::MAX, &mut [0])),
        (line!(), &|| stream.fill_gaussian(u64::MAX, &mut [0.0])),
        (line!(), &|| stream.fill_uniform(u64::MAX, &mut [0.0])),
        (line!(), &|| _ = stream.at(u64::MAX).skip(1)),
        (line!(), &|| _ = Seed::new(0).draw().split_at(3).0.split_at(4)),
        (line!(), &|| _ = lfsr().next_bits(17)),
        (line!(), &|| _ = stochastic.code(0.1, stream.at(u64::MAX))),
        (line!(), &|| _ = stochastic.code(0.1, Draw::none())),
        (line!(), &|| _ = product().convert(stochastic, Draw::none())),
        (line!(), &|| _ = product().accumulator(draws, Draw::none())),
        (line!(), &|| _ = nearest.overflow(Overflow::Propagate).code(0.1, Draw::none())),
        (line!(), &|| nearest.quantize(&[0.1], Draw::none(), &mut [0i8; 2])),
        (line!(), &|| nearest.quantize(&[0.1], stream.at(u64::MAX), &mut [0i8])),
        (line!(), &|| _ = nearest.quantize_vec(&[0.1], stream.at(u64::MAX))),
        (line!(), &|| nearest.axpy(1.0, &[0.1], Draw::none(), &mut [0i8; 2])),
        (line!(), &|| nearest.quantize_sums(&[1], 4, Draw::none(), &mut [0i8; 2])),
        (line!(), &|| nearest.convert_narrow_sums(&[1], 4, Draw::none(), &mut [0.0; 2])),
        (line!(), &|| nearest.requantize(&[1i8], format, Draw::none(), &mut [0i8; 2])),
        (line!(), &|| _ = nearest.quantize_exact(&[0.1], &mut [0i8; 2])),
        (line!(), &|| float.quantize(&[0.1], Draw::none(), &mut [0u8; 2])),
        (line!(), &|| {
            FloatQuantizer { format: far, ..float }.convert_slice(&mut [0.1], Draw::none())
        }),
        (line!(), &|| {
            _ = FloatQuantizer { overflow: Overflow::Wrap, ..float }.code(0.1, Draw::none())
        }),
        (line!(), &|| _ = blocks.quantize_scaled(&[0.1], 0.5, Draw::none())),
        (line!(), &|| _ = FixedMatrix::zeros(format, huge, 2)),
        (line!(), &|| _ = FixedMatrix::from_codes(format, huge, 2, &[])),
        (line!(), &|| _ = FixedMatrix::quantize(&[], huge, 2, nearest, Draw::none())),
        (line!(), &|| _ = FixedView::new(CodesRef::I8(&[]), format, huge, 2)),
        (line!(), &|| _ = product().bias(&Codes::I8(vec![0]), format)),
        (line!(), &|| {
            _ = product().bias(&Codes::I8(vec![0; 2]), FixedFormat::new(40, -24).unwrap())
        }),
        (line!(), &|| _ = product().accumulator(Accumulator::Wrapping { bits: 99 }, Draw::none())),
        (line!(), &|| {
            _ = product().accumulator(narrow(format, Schedule::EachChunk(0)), Draw::none())
        }),
        (line!(), &|| {
            _ = refused().accumulator(
                narrow(FixedFormat::new(32, 0).unwrap(), Schedule::EachStep),
                Draw::none(),
            )
        }),
        (line!(), &|| _ = product().scale_rows(&[1.0])),
        (line!(), &|| refused().wide(&mut [0; 4])),
        (line!(), &|| refused().wide_f32(&mut [0.0; 4])),
        (line!(), &|| _ = refused().convert(nearest, Draw::none())),
        (line!(), &|| refused().convert_to_f32(nearest, Draw::none(), &mut [0.0; 4])),
        (line!(), &|| _ = product().convert(stochastic, stream.at(u64::MAX - 3))),
        (line!(), &|| product().wide(&mut [0; 5])),
    ];
    let end = line!();

    let (thread, hook) = (std::thread::current().id(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == thread {
            *PLACE.lock().unwrap() = info.location().map(ToString::to_string);
        }
    }));
    let places: Vec<_> = calls
        .iter()
        .map(|(line, call)| {
            let refused = catch_unwind(AssertUnwindSafe(call)).is_err();
            (line, refused, PLACE.lock().unwrap().take())
        })
        .collect();
    std::panic::set_hook(hook);
    // A call ends where the next one begins; both may take several lines.
    let ends = calls[1..].iter().map(|&(line, _)| line).chain([end]);
    for ((line, refused, place), end) in places.into_iter().zip(ends) {
        assert!(refused, "what line {line} asks is not refused");
        let place = place.expect("every panic has a place");
        let named = place.split_once("refusals.rs:").and_then(|(_, rest)| rest.split_once(':'));
        let named: Option<u32> = named.and_then(|(named, _)| named.parse().ok());
        let is_ours = named.is_some_and(|named| (*line..end).contains(&named));
        assert!(is_ours, "the call of line {line} is refused at {place}");
    }
}
