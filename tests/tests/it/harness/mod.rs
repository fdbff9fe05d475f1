//! What every test stands on: a provider, the service, and a judge that believes the provider alone.

mod booking;
mod config;
mod judge;
mod ports;
mod provider;
mod stand;
mod views;

pub(crate) use booking::{Booking, CUSTOMER_EMAIL, CUSTOMER_NAME, CUSTOMER_PHONE, booking};
pub(crate) use config::{ADMIN_KEY, CALLBACK_SECRET, Config, TOKEN};
pub(crate) use judge::{Effect, judge};
pub(crate) use ports::free_port;
pub(crate) use provider::Provider;
pub(crate) use stand::{Options, Place, SOON, TestEnv, seed};
pub(crate) use views::{amount, ledger_of};

/// Makes two tests out of each behaviour, a function that takes the [`Place`] where the service keeps its data.
macro_rules! on_both_databases {
    ($($name:ident;)*) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::$name(crate::harness::Place::Sqlite);
            })*
        }
        mod postgres {
            $(#[test]
            fn $name() {
                super::$name(crate::harness::Place::Postgres);
            })*
        }
    };
}

pub(crate) use on_both_databases;
