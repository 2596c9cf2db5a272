//! The life of a template: clones until it is ended.

use super::Outcome;
use super::parked::Cradle;
use super::pool::{Deed, Pool};
use crate::clone::{Answer, Birth, CloneOrder, Forked, Order, Profile, Refusal, Stopped, fork};
use crate::io::{Server, tell};
use ramet_memory::WorkingSet;
use serde_json::json;
use std::sync::Arc;

/// Who is asked for a clone, and where the answer goes.
enum Asked {
    Control(u64),
    Socket,
}

/// Serves the control socket, and looks after the clones that are made ahead.
pub fn live(stopped: Stopped, profile: Arc<Profile>, mut server: Server, mut pool: Pool) -> Outcome {
    server.watch(pool.fd());
    let mut known = 0;
    let own = std::process::id();
    loop {
        let mut orders = Vec::new();
        let mut limit = 0;
        match pool.tend() {
            Deed::Clone(order) => orders.push((Asked::Socket, order)),
            Deed::Refill => {
                let Ok((near, far)) = pool.line() else {
                    pool.failed();
                    continue;
                };
                match fork() {
                    Ok(Forked::Child) => {
                        // Closed with the other descriptors; the socket files are the template's.
                        std::mem::forget((server, near));
                        let requests = pool.into_requests();
                        return Outcome::Ahead(Box::new(Cradle {
                            stopped,
                            parent: profile,
                            requests,
                            line: far,
                            template: own,
                        }));
                    }
                    Ok(Forked::Parent { .. }) => pool.expect(near),
                    Err(_) => pool.failed(),
                }
            }
            Deed::Rest(until) => limit = until,
        }
        server.describe_pool(pool.describe());
        // What has been learned from the first clone is for those that follow.
        let version = stopped.working_set.as_ref().map_or(0, WorkingSet::version);
        if version != known {
            known = version;
            pool.renew();
        }
        let stepped = match server.step(if orders.is_empty() { limit } else { 0 }) {
            Ok(stepped) => stepped,
            Err(fault) => return Outcome::Ended(fault.into(), Some(Box::new(server))),
        };
        for order in stepped {
            match order {
                Order::Clone(ticket, order) => orders.push((Asked::Control(ticket), order)),
                Order::End(ending) => return Outcome::Ended(ending, Some(Box::new(server))),
                Order::Pool(t, settings) => {
                    pool.set(settings);
                    server.reply(t, &Ok(pool.describe()));
                }
                Order::Pause(t)
                | Order::Resume(t)
                | Order::Freeze(t, _)
                | Order::Reset(t, _)
                | Order::Write(t, _)
                | Order::Read(t, ..)
                | Order::Exec(t, _) => {
                    server.reply(t, &Err(Refusal::new("the VM is frozen")));
                }
            }
        }
        for (asked, mut order) in orders {
            let forked = fork();
            if matches!(forked, Ok(Forked::Child)) {
                // As above.
                std::mem::forget((server, pool));
                return Outcome::Born(Box::new(Birth {
                    stopped,
                    order: *order,
                    parent: profile,
                    place: None,
                }));
            }
            let answer = clone_answer(&forked, &order, profile.generation + 1);
            match asked {
                Asked::Control(ticket) => server.reply(ticket, &answer),
                // The clone answers, if there is one.
                Asked::Socket if answer.is_ok() => drop(order.reply.take()),
                Asked::Socket => {
                    tell(order.reply.take(), &answer);
                }
            }
        }
    }
}

/// The answer to a request for a clone that was forked.
pub fn clone_answer(forked: &std::io::Result<Forked>, order: &CloneOrder, generation: u64) -> Answer {
    match forked {
        Ok(Forked::Parent { pid, forked_tsc }) => Ok(json!({
            "pid": pid,
            "generation": generation,
            "requested_tsc": order.requested_tsc,
            "forked_tsc": forked_tsc,
        })),
        Ok(Forked::Child) => Err(Refusal::new("answered by the child")),
        Err(error) => Err(Refusal::host("fork", error)),
    }
}
