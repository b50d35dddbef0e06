//! What tensors are called that the file calls nothing.

use nn::layers::to_pytorch_recurrent_name;

/// Whether a name was made by an exporter, and says nothing to a reader.
pub(super) fn is_generated(name: &str) -> bool {
    ["onnx::", "val_", "t_", "_", "/", "node_"].iter().any(|start| name.starts_with(start))
}

/// The parameter `LAYER.group3.weight` without its group.
pub(super) fn ungrouped(name: &str) -> String {
    let found = name.rsplit_once('.').and_then(|(layer, part)| {
        let (layer, group) = layer.rsplit_once(".group")?;
        group.parse::<usize>().ok()?;
        Some(format!("{layer}.{part}"))
    });
    found.unwrap_or_else(|| name.to_owned())
}

/// The name of a parameter in PyTorch. `bias` is what the file calls the bias of its layer: that of
/// `attention.in_proj_bias` is the weight `attention.in_proj_weight`.
pub(super) fn of_parameter(name: &str, bias: Option<&str>) -> String {
    let base = name.strip_suffix(".weight").and(bias).and_then(|bias| bias.strip_suffix("bias"));
    match base {
        Some(base) if !is_generated(base) => format!("{base}weight"),
        _ => to_pytorch_recurrent_name(&ungrouped(name)),
    }
}

/// What the tensor `name`, which a node of the scope `first` reads, is called for a node of the scope
/// `second`, which has it as its `part`: exporters write tensors of equal values once, by the first of
/// their names. None if it is the same tensor for both, or scopes say nothing.
pub(super) fn for_scope(name: &str, first: &str, second: &str, part: &str) -> Option<String> {
    // The older exporter counts the uses of a module: `fc`, `fc_1`.
    let count = second.strip_prefix(first).and_then(|rest| rest.strip_prefix('_'));
    let again = count.is_some_and(|count| count.parse::<u32>().is_ok());
    if first == second || again || is_generated(first) || is_generated(second) {
        return None;
    }
    let last = |scope: &str| scope.rsplit('.').next().map(str::to_owned);
    match name.strip_prefix(first).filter(|rest| rest.starts_with('.')) {
        // Parts of a layer of the same kind, such as `in_proj_bias` of attention.
        Some(rest) if last(first) == last(second) => Some(format!("{second}{rest}")),
        Some(_) => Some(format!("{second}.{part}")),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_the_names_of_pytorch() {
        assert_eq!(of_parameter("lstm.ih_l0_reverse.bias", None), "lstm.bias_ih_l0_reverse");
        assert_eq!(of_parameter("a.group12.weight", None), "a.weight");
        assert_eq!(of_parameter("a.groups.weight", None), "a.groups.weight");
        let of_bias = |bias| of_parameter("node_MatMul_3.weight", Some(bias));
        assert_eq!(of_bias("block.fc.bias"), "block.fc.weight");
        assert_eq!(of_bias("block.in_proj_bias"), "block.in_proj_weight");
        assert_eq!(of_bias("onnx::Gemm_4"), "node_MatMul_3.weight");
        assert_eq!(of_parameter("fc.bias", Some("x.bias")), "fc.bias");
    }

    #[test]
    fn tensors_that_are_written_once_have_a_name_for_each_scope() {
        let name = |name, first, second| for_scope(name, first, second, "bias");
        let found = name("a.0.attn.in_proj_bias", "a.0.attn", "a.1.attn");
        assert_eq!(found.unwrap(), "a.1.attn.in_proj_bias");
        assert_eq!(name("a.attn.out_proj.bias", "a.attn", "a.norm").unwrap(), "a.norm.bias");
        assert_eq!(name("a.0.fc.bias", "a.0.fc", "a.0.fc"), None);
        assert_eq!(name("fc.bias", "fc", "fc_1"), None);
        assert_eq!(name("fc.bias", "fc", "fc_b").unwrap(), "fc_b.bias");
        assert_eq!(name("a.0.fc.bias", "node_Gemm_1", "node_Gemm_2"), None);
        assert_eq!(name("words.weight", "words2", "out"), None);
        assert_eq!(name("words.weight", "word", "out"), None);
    }
}
