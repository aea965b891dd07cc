use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::*;

const SOON: Duration = Duration::from_secs(60);

fn turn(class: Class, flow: u64) -> Turn {
    Turn::of(class, flow)
}

fn waiting(flow: &Flow) -> usize {
    flow.load().waiting.iter().map(|(_, count)| count).sum()
}

/// Polls once: it waits.
async fn begun<F: Future>(mut future: std::pin::Pin<&mut F>) {
    poll_fn(|task| {
        assert!(future.as_mut().poll(task).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn whoever_stops_waiting_leaves_no_trace() {
    let flow = Flow::new(1);
    let deadline = Instant::now() + SOON;
    let list = turn(Class::Submission, 1);
    let held = flow.seat(list, deadline).await.expect("free");
    assert_eq!((flow.load().in_flight, waiting(&flow)), (1, 0));
    {
        let mut stops = pin!(flow.seat(list, deadline));
        begun(stops.as_mut()).await;
        assert_eq!(waiting(&flow), 1);
    }
    assert_eq!(waiting(&flow), 0, "it left the queue");
    let mut next = pin!(flow.seat(list, deadline));
    {
        let mut first = pin!(flow.seat(list, deadline));
        begun(first.as_mut()).await;
        begun(next.as_mut()).await;
        assert_eq!(waiting(&flow), 2);
        held.answered();
        // It was given the seat, and never took it.
        assert_eq!((flow.load().in_flight, waiting(&flow)), (1, 1));
    }
    let seat = next.await.expect("passed on");
    assert_eq!((flow.load().in_flight, waiting(&flow)), (1, 0));
    drop(seat);
    assert_eq!(flow.load().in_flight, 0);
}

#[tokio::test]
async fn nobody_waits_beyond_a_deadline() {
    let flow = Flow::new(1);
    let list = turn(Class::Submission, 1);
    let _held = flow.seat(list, Instant::now() + SOON).await.expect("free");
    let deadline = Instant::now() + Duration::from_millis(200);
    for turn in [list, list.patient()] {
        let shed = flow.seat(turn, deadline).await;
        assert!(shed.is_err());
    }
    assert!(Instant::now() >= deadline);
    assert_eq!((flow.load().in_flight, waiting(&flow)), (1, 0));
}

/// Lists wait for a second while the Overlord answers others, and for as long as it takes while it
/// answers nobody: then it is no overload that makes them wait.
#[tokio::test]
async fn who_waits_for_a_silent_overlord_is_not_sent_away() {
    let deadline = Instant::now() + SOON;
    let list = turn(Class::Listing, 1);
    let silent = async {
        let flow = Flow::new(1);
        let held = flow.seat(list, deadline).await.expect("free");
        let mut waits = pin!(flow.seat(list, deadline));
        let longer = Instant::now() + Duration::from_millis(2_500);
        let early = timeout_at(longer, waits.as_mut()).await;
        assert!(early.is_err(), "it waits");
        drop(held);
        waits.await.expect("and has its seat in the end");
    };
    let busy = async {
        let flow = Flow::new(2);
        let submission = turn(Class::Submission, 2);
        let _held = flow.seat(list, deadline).await.expect("free");
        let mut waits = pin!(flow.seat(list, deadline));
        let begun = Instant::now();
        let shed = loop {
            let seat = flow.seat(submission, deadline).await.expect("kept");
            seat.answered();
            let next = Instant::now() + Duration::from_millis(20);
            if let Ok(ended) = timeout_at(next, waits.as_mut()).await {
                break ended;
            }
        };
        assert!(shed.is_err());
        assert!(begun.elapsed() < SOON / 2, "long before its deadline");
    };
    tokio::join!(silent, busy);
}

#[test]
fn a_datasource_and_a_principal_of_one_name_are_two_flows() {
    let datasource = "wiki".parse().expect("a name");
    let one = Turn::of_datasource(Class::Poll, &datasource);
    assert_ne!(one, Turn::of_principal(Class::Poll, "wiki"));
    assert_eq!(one, Turn::of_datasource(Class::Poll, &datasource));
}
