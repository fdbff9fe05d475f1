//! Each promise, broken by a doctored ledger or view: the checker must see it.
