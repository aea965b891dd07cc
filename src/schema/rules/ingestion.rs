use super::{Breach, Object, Rule};

pub(super) const RULES: &[Rule] = &[];
