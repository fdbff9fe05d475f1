//! How both databases would run the statements of a poll cycle, on a filled table with and without statistics.

use chrono::TimeDelta;
use domain::{JobId, JobKind, SystemEntropy};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use store::queue::{NewJob, Statement, statements_of_a_cycle};

use crate::harness::{Fresh, Kind, job, noon, reservation};

/// The values of a statement's parameters as SQL, and the index that it must use on SQLite and on Postgres.
struct Case {
    name: &'static str,
    binds: Vec<String>,
    index: [&'static str; 2],
}

fn cases(id: &JobId) -> Vec<Case> {
    let case = |name, binds: &[&str], index| Case {
        name,
        binds: binds.iter().map(|bind| (*bind).to_owned()).collect(),
        index,
    };
    let quoted = |text: &str| format!("'{text}'");
    let primary_key = ["sqlite_autoindex_jobs_1", "jobs_pkey"];
    // Postgres may as well take the other index of what runs.
    let running = ["jobs_running", "Index Scan"];
    let id_text = quoted(id.as_str());
    let ids: Vec<String> = (0..200)
        .map(|_| format!("\"{}\"", JobId::new(noon(), &SystemEntropy)))
        .collect();
    let ids = quoted(&format!("[{}]", ids.join(",")));
    let pairs = quoted(&format!("[[\"{id}\",1]]"));
    let (kinds, none) = ("'[\"refresh\",\"capture\"]'", "'[]'");
    let now = noon().timestamp_millis().to_string();
    let finish = [
        &id_text, "1", "'w'", "'failed'", "NULL", "NULL", "NULL", "NULL", "NULL", "1", "0", &now,
    ];
    vec![
        case("SUCCEED_ALL", &[&pairs, "'w'", "1"], primary_key),
        case("LEASE_STATE", &[&id_text, "1", "'w'"], primary_key),
        case("FINISH_JOB", &finish, primary_key),
        case("RENEW_LEASES", &["'w'", "1"], running),
        case("PEEK", &[&now], ["jobs_due"; 2]),
        case("RESCUE_EXPIRED", &[&now, "100"], running),
        case("PREPARE_CLAIM", &[&now, "100"], ["jobs_due"; 2]),
        case(
            "CANDIDATES",
            &[kinds, none, none, "100"],
            ["jobs_available"; 2],
        ),
        case("TAKE", &[&ids, "'w'", "1", "1"], primary_key),
    ]
}

fn statement(name: &str) -> Statement {
    let all = statements_of_a_cycle();
    let found = all.into_iter().find(|statement| statement.name == name);
    found.expect("a statement of this name")
}

fn with(sql: &str, binds: &[String]) -> String {
    let numbered = binds.iter().enumerate().rev();
    numbered.fold(sql.to_owned(), |sql, (index, bind)| {
        sql.replace(&format!("${}", index + 1), bind)
    })
}

async fn plan(fresh: &Fresh, case: &Case) -> String {
    let statement = statement(case.name);
    let lines: Vec<String> = match fresh.kind {
        Kind::Sqlite => {
            let mut conn = SqliteConnection::connect(&fresh.url)
                .await
                .expect("connects");
            let text = with(statement.sqlite, &case.binds);
            let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
            let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(sql)
                .fetch_all(&mut conn)
                .await
                .expect("explains");
            rows.into_iter().map(|row| row.3).collect()
        }
        Kind::Postgres => {
            let mut conn = PgConnection::connect(&fresh.url).await.expect("connects");
            let mut tx = conn.begin().await.expect("begins");
            // A cycle tells the planner what it may not do.
            sqlx::query(crate::plans::statement("LOCK_CLAIMS").postgres)
                .bind(1_i64)
                .execute(&mut *tx)
                .await
                .expect("locks");
            let sql = AssertSqlSafe(format!("EXPLAIN {}", with(statement.postgres, &case.binds)));
            sqlx::query_scalar(sql)
                .fetch_all(&mut *tx)
                .await
                .expect("explains")
        }
    };
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

pub(crate) async fn a_cycle_uses_its_indexes(fresh: Fresh) {
    let id = fill(&fresh).await;
    let cases = cases(&id);
    assert_eq!(
        cases.len() + 1,
        statements_of_a_cycle().len(),
        "every statement but the lock has a case"
    );
    for statistics in [false, true] {
        if statistics {
            fresh.raw("ANALYZE").await;
        }
        for case in &cases {
            let plan = plan(&fresh, case).await;
            let index = case.index[usize::from(fresh.kind == Kind::Postgres)];
            let found = format!(
                "statistics: {statistics}, expected {index}, got\n{plan}\nfor {}",
                case.name
            );
            assert!(plan.contains(index), "{found}");
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
                    "{found}"
                );
            }
        }
    }
}
