//! A recipe is refused with the name of a key, or it trains.

use nn::layers::{Init, build};
use nn::{
    AnyArithmetic, Classification, Images, Parameters, Pixels, Policy, Recipe, Run, models, train,
};
use numerics::{Par, Seed};
use proptest::prelude::*;
use serde_json::{Value, json};

const KEYS: [&str; 19] = [
    "batch",
    "epochs",
    "learning_rate",
    "momentum",
    "weight_decay",
    "velocity",
    "beta1",
    "beta2",
    "epsilon",
    "clip_norm",
    "drop_last",
    "groups",
    "roles",
    "layers",
    "warm_up_steps",
    "decay",
    "factor",
    "examples",
    "layer",
];

fn numbers() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(0)),
        Just(json!(1)),
        Just(json!(-1)),
        Just(json!(0.5)),
        Just(json!(0.999)),
        Just(json!(1e30)),
        Just(json!(1e300)),
        Just(json!(u64::MAX)),
        Just(json!(7)),
        Just(json!("0.1")),
        Just(Value::Null),
    ]
}

fn groups() -> impl Strategy<Value = Value> {
    let role = prop_oneof![Just("bias"), Just("weight"), Just("scale"), Just("wait")];
    let layer = prop_oneof![Just("fc1"), Just("fc2"), Just("fc3")];
    let group = (prop::collection::vec(role, 0..2), prop::collection::vec(layer, 0..2), numbers())
        .prop_map(|(roles, layers, factor)| {
            json!({ "roles": roles, "layers": layers, "weight_decay": factor })
        });
    prop::collection::vec(group, 0..3).prop_map(Value::from)
}

fn optimizers() -> impl Strategy<Value = Value> {
    let velocity = prop_oneof![Just("gradients"), Just("increments"), Just("both")];
    let sgd = (numbers(), numbers(), any::<bool>(), velocity).prop_map(|(m, d, nesterov, v)| {
        json!({ "sgd": { "momentum": m, "weight_decay": d, "nesterov": nesterov, "velocity": v } })
    });
    let adam = (numbers(), numbers(), numbers()).prop_map(|(b1, b2, e)| {
        json!({ "adam": { "beta1": b1, "beta2": b2, "epsilon": e, "decoupled": true } })
    });
    prop_oneof![sgd, adam]
}

fn schedules() -> impl Strategy<Value = Value> {
    let decay = prop_oneof![
        Just(json!("constant")),
        Just(json!("cosine")),
        numbers().prop_map(|f| json!({ "step": { "epochs": [2, 1], "factor": f } })),
        numbers().prop_map(|f| json!({ "exponential": { "factor": f } })),
        (numbers(), numbers())
            .prop_map(|(f, p)| json!({ "plateau": { "factor": f, "patience": p } })),
    ];
    (numbers(), decay).prop_map(|(w, decay)| json!({ "warm_up_steps": w, "decay": decay }))
}

fn recipes() -> impl Strategy<Value = Value> {
    let counts = || prop_oneof![numbers(), Just(json!(2)), Just(json!(3))];
    (counts(), counts(), numbers(), optimizers(), schedules(), groups(), numbers(), any::<bool>())
        .prop_map(|(batch, epochs, rate, optimizer, schedule, groups, clip, drop_last)| {
            json!({
                "batch": batch, "epochs": epochs, "learning_rate": rate, "optimizer": optimizer,
                "schedule": schedule, "groups": groups, "clip_norm": clip, "drop_last": drop_last,
            })
        })
}

fn network() -> (Parameters, models::Mlp) {
    let policy = Policy::uniform(AnyArithmetic::Float32);
    build(&policy, Seed::new(1), |b| models::mlp(b, &[4, 3, 2], Init::XavierNormal))
}

proptest! {
    #[test]
    fn a_recipe_is_refused_by_name_or_trains(recipe in recipes()) {
        let (mut parameters, model) = network();
        let pixels = Pixels::unit(&AnyArithmetic::Float32);
        let images = Images::new(&[4], (0..20).collect(), vec![0, 1, 0, 1, 0]);
        let read = serde_json::from_value::<Recipe>(recipe.clone()).map_err(|e| e.to_string());
        let checked = read.and_then(|recipe| {
            recipe.check_for(images.len(), &parameters).map(|()| recipe)
        });
        match checked {
            Err(message) => {
                let named = KEYS.iter().any(|key| message.contains(key))
                    || message.contains("unknown variant") || message.contains("invalid");
                prop_assert!(named, "{message}: {recipe}");
            }
            // Of endless recipes the first epochs.
            Ok(recipe) => {
                let recipe = Recipe { epochs: recipe.epochs.min(3), ..recipe };
                let task = Classification::new(&model, &images, &pixels);
                let trained = train(&task, &mut parameters, &recipe, Run::new(&Seed::new(2), Par::Seq));
                // Whether it ends well or not, it says so.
                match trained {
                    Ok(epochs) => prop_assert!(
                        epochs.iter().all(|epoch| epoch.loss.is_finite())
                            && parameters.not_finite().is_none()
                    ),
                    Err(diverged) => prop_assert!(diverged.epoch <= recipe.epochs),
                }
            }
        }
    }
}

#[test]
fn a_recipe_is_checked_where_it_is_read() {
    let read = |recipe: Value| serde_json::from_value::<Recipe>(recipe).unwrap_err().to_string();
    let plain = |key: &str, value: Value| {
        let mut recipe = json!({
            "batch": 5, "epochs": 1, "learning_rate": 0.1,
            "optimizer": { "sgd": { "momentum": 0.0 } },
        });
        assert!(serde_json::from_value::<Recipe>(recipe.clone()).is_ok());
        recipe[key] = value;
        read(recipe)
    };
    assert_eq!(plain("batch", json!(0)), "batch must not be 0");
    assert!(plain("learning_rate", json!(-1.0)).starts_with("learning_rate = -1 must"));
    let message = plain("optimizer", json!({ "sgd": { "momentum": 1.5 } }));
    assert_eq!(message, "momentum = 1.5 must be at least 0 and less than 1");
    let message = plain("groups", json!([{ "weight_decay": -1.0 }]));
    assert_eq!(message, "groups.weight_decay = -1 must be finite and not negative");
}

#[test]
fn the_last_examples_are_left_out_where_the_recipe_says_so() {
    let pixels = Pixels::unit(&AnyArithmetic::Float32);
    let pixel = |i: u8| i.wrapping_mul(97);
    let images = Images::new(&[4], (0..28).map(pixel).collect(), vec![0, 1, 0, 1, 0, 1, 1]);
    let losses = |drop_last| {
        let (mut parameters, model) = network();
        let task = Classification::new(&model, &images, &pixels);
        let recipe = Recipe { drop_last, ..Recipe::sgd(3, 1, 0.1) };
        let mut steps = 0;
        let mut progress = nn::Progress::default();
        let run = Run::new(&Seed::new(2), Par::Seq);
        nn::train_epoch(&task, &mut parameters, &recipe, &mut progress, run, |_, of| {
            steps += 1;
            assert_eq!(of, if drop_last { 2 } else { 3 });
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        steps
    };
    assert_eq!((losses(false), losses(true)), (3, 2));
}

#[test]
#[should_panic(expected = "groups.layers: there is no layer 'fc7'; there are fc1, fc2")]
fn a_group_of_an_unknown_layer_is_refused() {
    let (mut parameters, model) = network();
    let pixels = Pixels::unit(&AnyArithmetic::Float32);
    let images = Images::new(&[4], (0..20).collect(), vec![0, 1, 0, 1, 0]);
    let task = Classification::new(&model, &images, &pixels);
    let group = nn::optim::Group { layers: vec!["fc7".to_owned()], ..Default::default() };
    let recipe = Recipe { groups: vec![group], ..Recipe::sgd(2, 1, 0.1) };
    train(&task, &mut parameters, &recipe, Run::new(&Seed::new(2), Par::Seq)).ok();
}
