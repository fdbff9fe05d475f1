//! The conformance suite of the store: every behaviour on SQLite and on Postgres.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod evidence;
mod harness;
mod jobs;
mod leases;
mod limits;
mod machine;
mod open;
mod payment_links;
mod plans;
mod reservations;
mod reviews;
mod schedule;
mod workers;

/// Makes a test on each database out of each behaviour, a function that takes a [`Fresh`] store.
macro_rules! conformance {
    ($($module:ident::$name:ident;)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "current_thread")]
            async fn $name() {
                crate::$module::$name(crate::harness::fresh_store(crate::harness::Kind::Sqlite).await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "current_thread")]
            async fn $name() {
                crate::$module::$name(crate::harness::fresh_store(crate::harness::Kind::Postgres).await).await;
            })*
        }
    };
}

conformance! {
    jobs::what_is_enqueued_exists_once_its_transaction_commits;
    jobs::a_live_key_returns_the_job_that_has_it;
    jobs::a_bulk_enqueue_answers_in_order_and_spots_its_own_duplicates;
    jobs::a_payload_beyond_the_bound_is_refused;
    jobs::people_change_jobs_only_in_the_states_that_allow_it;
    jobs::a_confirmed_job_succeeds_with_its_result;
    jobs::a_retry_starts_with_all_attempts_unless_its_key_is_taken;
    jobs::lists_go_page_by_page_and_filter;
    jobs::attempts_are_kept_with_their_outcomes;
    limits::a_minute_never_holds_more_requests_than_the_limit;
    limits::no_more_is_claimed_than_the_bucket_has;
    limits::a_paused_merchant_makes_no_calls_until_it_is_resumed;
    limits::held_requests_go_on_at_their_time;
    leases::a_vanished_worker_s_job_runs_again_once_its_lease_ends;
    leases::three_crashes_leave_a_job_to_a_review;
    leases::a_stale_worker_can_neither_finish_nor_send;
    leases::case_072_a_worker_taken_for_dead_is_stopped_before_its_request;
    leases::a_live_worker_keeps_its_lease;
    machine::every_event_in_every_state_does_what_the_table_says;
    machine::a_wait_for_the_pause_ends_when_the_merchant_is_resumed;
    open::a_newer_database_is_refused;
    open::a_changed_migration_is_refused;
    open::opening_again_changes_nothing;
    plans::a_cycle_uses_its_indexes;
    payment_links::the_journal_folds_to_the_link;
    payment_links::an_event_that_cannot_follow_changes_nothing;
    payment_links::a_link_that_has_changed_since_it_was_read_is_a_conflict;
    payment_links::an_order_is_one_payment_link_of_its_merchant;
    payment_links::a_state_that_is_not_known_names_its_place;
    payment_links::the_last_request_of_a_job_is_confirmed_and_no_other;
    reservations::a_reference_names_one_reservation_of_its_merchant;
    reservations::the_journal_folds_to_the_reservation;
    reservations::decisions_are_found_in_the_journal;
    reservations::a_save_over_a_newer_version_is_a_conflict;
    reservations::an_illegal_fact_changes_nothing;
    reservations::the_jobs_follow_the_facts_in_one_transaction;
    reservations::an_intent_finds_its_job;
    reservations::a_job_whose_effect_another_one_found_is_done;
    reservations::the_personal_number_goes_once_the_provider_has_it;
    reservations::lists_of_reservations_filter_and_page;
    reservations::a_held_reservation_is_listed_by_its_window;
    reservations::a_callback_is_news_once;
    reservations::an_idempotency_key_answers_one_request;
    reservations::what_stands_beside_reservations_is_kept;
    reservations::a_row_that_cannot_be_read_names_its_place;
    reviews::a_review_is_raised_in_the_transaction_of_its_facts;
    reviews::an_open_review_follows_the_evidence;
    reviews::a_decision_ends_its_review_and_no_other;
    reviews::what_answers_a_review_ends_it_without_a_decision;
    reviews::each_request_in_doubt_has_its_own_review;
    reviews::reviews_are_listed_by_countdown_page_by_page;
    schedule::the_table_follows_the_plan;
    schedule::a_backoff_or_a_reschedule_stays_until_the_plan_changes;
    schedule::sync_revives_needs_review_and_failed_only_on_a_new_run_at;
    schedule::a_running_job_is_left_to_its_end;
    evidence::nothing_is_known_of_a_merchant_at_first;
    evidence::what_is_learnt_is_kept_and_times_never_move_back;
    evidence::two_who_learn_at_once_keep_what_both_have_learnt;
    evidence::a_capture_or_charge_names_the_reservation_in_whose_ledger_it_stands;
    workers::jobs_run_by_urgency_then_deadline_then_time;
    workers::one_job_of_a_reservation_runs_at_a_time;
    workers::concurrent_claimers_run_each_job_once;
    workers::a_new_job_starts_at_once;
    workers::another_store_on_the_same_database_wakes_the_worker;
    workers::a_job_starts_when_it_becomes_due;
    workers::a_failed_run_waits_and_the_wait_is_durable;
    workers::attempts_end_and_throttling_uses_none;
    workers::a_retry_past_the_deadline_has_failed;
    workers::a_snooze_uses_no_attempt;
    workers::a_panic_counts_as_a_crash;
    workers::a_run_that_takes_too_long_is_a_failure;
    workers::a_handler_finishes_its_job_with_its_facts;
    workers::running_jobs_may_end_during_the_grace;
    workers::jobs_over_the_grace_period_are_handed_back;
    workers::a_failing_database_does_not_end_the_worker;
    workers::an_unreadable_job_fails_and_the_worker_goes_on;
    workers::only_the_named_kinds_are_claimed;
}
