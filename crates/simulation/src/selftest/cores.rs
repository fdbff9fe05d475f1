//! Keeps a run on one core: it and the thread of its database take turns, and to wake a thread on another core costs
//! more than what it then does.

#[cfg(target_os = "linux")]
pub(super) use linux::Cores;
#[cfg(not(target_os = "linux"))]
pub(super) use other::Cores;

#[cfg(target_os = "linux")]
mod linux {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

    /// The cores that this process may use, the present one first.
    #[derive(Debug)]
    pub(in crate::selftest) struct Cores(Vec<usize>);

    impl Cores {
        pub(in crate::selftest) fn allowed() -> Self {
            let allowed = sched_getaffinity(None).unwrap_or_default();
            let mut cores: Vec<usize> = (0..CpuSet::MAX_CPU)
                .filter(|core| allowed.is_set(*core))
                .collect();
            let present = cores.iter().position(|core| *core == sched_getcpu());
            cores.rotate_left(present.unwrap_or(0));
            Self(cores)
        }

        /// Binds this thread, and those it starts from now on, to the core of its place. Where that is not allowed, it is
        /// only slower.
        pub(in crate::selftest) fn bind(&self, place: usize) {
            let Some(core) = self.0.iter().cycle().nth(place) else {
                return;
            };
            let mut one = CpuSet::new();
            one.set(*core);
            let _ = sched_setaffinity(None, &one);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    /// Other systems have no such binding in common.
    #[derive(Debug)]
    pub(in crate::selftest) struct Cores;

    impl Cores {
        pub(in crate::selftest) fn allowed() -> Self {
            Self
        }

        pub(in crate::selftest) fn bind(&self, _place: usize) {}
    }
}
