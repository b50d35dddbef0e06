//! Outputs whose devices are free of error.

use numerics::Par;

use super::AnalogTile;
use crate::compensation::reference::DriftReference;

impl AnalogTile {
    /// Keeps the devices of some outputs free of error: from programming on and at every age they
    /// hold their targets exactly, whatever the model of the device says and whether they are stuck.
    ///
    /// Wires, converters and the noise of products act on these outputs as on all others. The drift
    /// compensation leaves them out: their factor is 1, and the read-out is that of the others.
    ///
    /// Source: [Rasch23 Results, "selective noise exemption"; Supp. Tab. 8].
    ///
    /// Assumed: the paper does not say how the compensation sees such outputs; an exact column needs
    /// no factor.
    ///
    /// # Panics
    ///
    /// Unless there is one flag per output, or if the tile has aged: the reference of the drift
    /// compensation is that after programming.
    #[track_caller]
    pub fn exempt_outputs(&mut self, exempt: &[bool], par: Par) {
        let count = exempt.len();
        assert_eq!(count, self.outputs, "{count} flags for {} outputs", self.outputs);
        assert!(self.t_s == 0.0, "outputs are exempted after programming, not at {} s", self.t_s);
        self.devices.now_us.copy_from_slice(&self.devices.programmed_us);
        self.exempt = exempt.to_vec();
        self.read_out(par);
        self.reference = DriftReference::record(self, &self.seed.child("drift-reference"));
    }

    /// Whether the devices of an output are free of error.
    pub fn is_exempt(&self, output: usize) -> bool {
        self.exempt.get(output).copied().unwrap_or(false)
    }

    /// Puts the devices of exempted outputs back to their targets.
    pub(super) fn restore_exempt(&mut self) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        for output in 0..self.exempt.len() {
            if !self.exempt[output] {
                continue;
            }
            for array in 0..self.devices.target_us.len() / (inputs * outputs) {
                let first = (array * outputs + output) * inputs;
                let row = first..first + inputs;
                self.devices.now_us[row.clone()].copy_from_slice(&self.devices.target_us[row]);
            }
        }
    }
}
