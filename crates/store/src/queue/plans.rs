//! Asks both databases how they would run the statements of a turn, on a filled table with and without statistics.

use chrono::TimeDelta;
use domain::{JobId, JobKind, SystemEntropy};
use sqlx::AssertSqlSafe;

use crate::db::{Conn, Sql};
use crate::harness::{Fresh, Kind, fresh_store, job, noon, reservation};
use crate::queue::NewJob;
use crate::queue::claim::{CANDIDATES, CLAIM, EXPIRED, PEEK, PROMOTE, RENEW, SUCCEED, json_list};
use crate::queue::finish::FINISH;
use crate::queue::lease::LEASE_STATE;

const PRIMARY_KEY: [&str; 2] = ["sqlite_autoindex_jobs_1", "jobs_pkey"];

/// A statement with the values of its parameters, and the index it must use on SQLite and on Postgres.
struct Case {
    sql: Sql,
    binds: Vec<String>,
    index: [&'static str; 2],
}

fn case(sql: impl Into<Sql>, binds: &[&str], index: [&'static str; 2]) -> Case {
    Case {
        sql: sql.into(),
        binds: binds.iter().map(|bind| (*bind).to_owned()).collect(),
        index,
    }
}

fn both(index: &'static str) -> [&'static str; 2] {
    [index, index]
}

/// The statements of a turn. Parameters stand in the text, as literals.
fn cases(id: &JobId) -> Vec<Case> {
    let quoted = |text: &str| format!("'{text}'");
    let id_text = quoted(id.as_str());
    let ids: Vec<String> = (0..200)
        .map(|_| JobId::new(noon(), &SystemEntropy).into())
        .collect();
    let ids = quoted(&json_list(&ids));
    let pairs = quoted(&format!("[[\"{id}\",1]]"));
    let kinds = quoted(&json_list(&["refresh", "capture"]));
    let none = "'[]'";
    let now = noon().timestamp_millis().to_string();
    let settle = [
        &id_text, "1", "'w'", "'failed'", "NULL", "NULL", "NULL", "NULL", "NULL", "1", "0", &now,
    ];
    vec![
        case(
            CANDIDATES,
            &[&kinds, none, none, "100"],
            both("jobs_available"),
        ),
        case(CLAIM, &[&ids, "'w'", "1", "1"], PRIMARY_KEY),
        case(SUCCEED, &[&pairs, "'w'", "1"], PRIMARY_KEY),
        case(FINISH, &settle, PRIMARY_KEY),
        case(LEASE_STATE, &[&id_text, "1", "'w'"], PRIMARY_KEY),
        case(PEEK, &[&now], both("jobs_due")),
        case(PROMOTE, &[&now, "100"], both("jobs_due")),
        // Postgres may as well take the other index of what runs.
        case(RENEW, &["'w'", "1"], ["jobs_running", "Index Scan"]),
        case(EXPIRED, &[&now, "100"], ["jobs_running", "Index Scan"]),
    ]
}

async fn plan(fresh: &Fresh, case: &Case) -> String {
    let mut tx = fresh.store.begin().await.expect("begins");
    tx.lock_claims().await.expect("locks");
    let with = |sql: &str| {
        let numbered = case.binds.iter().enumerate().rev();
        numbered.fold(sql.to_owned(), |sql, (index, bind)| {
            sql.replace(&format!("${}", index + 1), bind)
        })
    };
    let lines: Vec<String> = match tx.conn() {
        Conn::Sqlite(conn) => {
            let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", with(case.sql.sqlite)));
            let rows: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(sql).fetch_all(conn).await.expect("explains");
            rows.into_iter().map(|row| row.3).collect()
        }
        Conn::Postgres(conn) => {
            let sql = AssertSqlSafe(format!("EXPLAIN {}", with(case.sql.postgres)));
            sqlx::query_scalar(sql)
                .fetch_all(conn)
                .await
                .expect("explains")
        }
    };
    tx.rollback().await.expect("rolls back");
    lines.join("\n")
}

/// 1,000 due jobs in front of 9,000 future ones, a reservation each.
async fn fill(fresh: &Fresh) -> JobId {
    let jobs: Vec<NewJob> = (0..10_000)
        .map(|n| {
            let run_at = if n < 1_000 {
                noon()
            } else {
                noon() + TimeDelta::hours(n)
            };
            let deadline = run_at + TimeDelta::days(1);
            NewJob {
                run_at,
                deadline,
                reservation: Some(reservation()),
                ..job(JobKind::Capture)
            }
        })
        .collect();
    let mut tx = fresh.store.begin().await.expect("begins");
    let all = tx.enqueue_all(&jobs).await.expect("enqueues");
    tx.commit().await.expect("commits");
    all[0].job.clone()
}

async fn the_turn_uses_its_indexes(kind: Kind) {
    let fresh = fresh_store(kind).await;
    let id = fill(&fresh).await;
    for statistics in [false, true] {
        if statistics {
            fresh.raw("ANALYZE").await;
        }
        for case in cases(&id) {
            let plan = plan(&fresh, &case).await;
            let index = case.index[usize::from(kind == Kind::Postgres)];
            let told = format!(
                "statistics: {statistics}, expected {index}, got\n{plan}\nfor {}",
                case.sql.sqlite
            );
            assert!(plan.contains(index), "{told}");
            for scan in [
                "SCAN jobs",
                "Seq Scan on jobs",
                "USE TEMP B-TREE FOR ORDER BY",
                "Sort",
            ] {
                // An update of SQLite's `FROM` scans the values it is given, which is no table.
                assert!(
                    !plan
                        .lines()
                        .any(|line| line.contains(scan) && !line.contains("INDEX")),
                    "{told}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_turn_uses_its_indexes_on_sqlite() {
    the_turn_uses_its_indexes(Kind::Sqlite).await;
}

#[tokio::test]
async fn the_turn_uses_its_indexes_on_postgres() {
    the_turn_uses_its_indexes(Kind::Postgres).await;
}
