//! Who gets a slot, and who waits.

use std::time::Instant;

use super::*;

/// A file, which has room on every model.
const FILE: (StreamDemand, LiveRoom) = (
    StreamDemand::File,
    LiveRoom {
        rate: None,
        least: 1.0,
    },
);

fn client() -> Arc<ClientSlot> {
    Arc::new(ClientSlot::new(Instant::now()))
}

#[test]
fn a_client_that_starts_another_stream_stays_ahead_of_those_that_wait() {
    let slots = StreamSlots::new(1);
    let (streaming, waiting) = (client(), client());
    let permit = slots
        .enter(None, &streaming, FILE)
        .expect("no client streams");
    assert_eq!(slots.wait_in_queue(&waiting, Instant::now()), 1);
    let permit = slots.restart(permit, Some("next"), &streaming, StreamDemand::File);
    let permit = permit.expect("the client has the permit");
    assert!(slots.is_busy() && slots.enter(None, &waiting, FILE).is_err());
    drop(permit);
    assert!(slots.enter(None, &waiting, FILE).is_ok());
}

#[test]
fn so_many_streams_run_at_a_time() {
    let slots = StreamSlots::new(2);
    let clients = [client(), client(), client()];
    let [first, second, third] = &clients;
    let _first = slots.enter(None, first, FILE).expect("a free slot");
    let permit = slots.enter(None, second, FILE).expect("a free slot");
    assert!(slots.enter(None, third, FILE).is_err());
    let availability = slots.availability();
    assert_eq!(*availability.borrow(), StreamAvailability::Serving(2));
    drop(permit);
    assert!(slots.enter(None, third, FILE).is_ok());
}

#[tokio::test]
async fn a_client_that_comes_back_gets_its_own_slot_and_no_other() {
    let slots = StreamSlots::new(2);
    let (former, other, back) = (client(), client(), client());
    let permit = slots
        .enter(Some("mouse 1"), &former, FILE)
        .expect("a free slot");
    let _other = slots
        .enter(Some("mouse 2"), &other, FILE)
        .expect("a free slot");
    assert!(
        slots
            .take_over("mouse 3", &back, StreamDemand::File)
            .await
            .is_none()
    );
    let gone = async {
        former.evicted().await;
        drop(permit);
    };
    let (taken, ()) = tokio::join!(slots.take_over("mouse 1", &back, StreamDemand::File), gone);
    assert!(taken.is_some() && slots.enter(None, &client(), FILE).is_err());
    drop(taken);
    assert!(slots.enter(None, &client(), FILE).is_ok());
}

#[tokio::test]
async fn a_client_that_gives_up_leaves_the_slot_to_others() {
    let slots = StreamSlots::new(1);
    let (former, back) = (client(), client());
    let permit = slots
        .enter(Some("mouse 1"), &former, FILE)
        .expect("a free slot");
    let waits = timeout(
        Duration::ZERO,
        slots.take_over("mouse 1", &back, StreamDemand::File),
    );
    assert!(waits.await.is_err());
    drop(permit);
    assert!(slots.enter(None, &back, FILE).is_ok());
}

#[tokio::test]
async fn slots_that_are_closed_let_the_last_stream_run_and_no_other_begin() {
    let slots = StreamSlots::new(1);
    let availability = slots.availability();
    let is = |expected| assert_eq!(*availability.borrow(), expected);
    let (first, second) = (client(), client());
    let permit = slots.enter(Some("first"), &first, FILE);
    is(StreamAvailability::Serving(1));
    assert!(slots.enter(None, &second, FILE).is_err());
    drop(permit);
    is(StreamAvailability::Serving(0));
    let permit = slots.enter(Some("first"), &first, FILE);
    slots.close();
    is(StreamAvailability::ShuttingDown);
    assert!(
        slots
            .take_over("first", &second, StreamDemand::File)
            .await
            .is_none()
    );
    assert!(timeout(Duration::ZERO, slots.empty()).await.is_err());
    drop(permit);
    is(StreamAvailability::ShuttingDown);
    slots.empty().await;
    assert!(slots.enter(None, &second, FILE).is_err());
}

#[test]
fn a_live_stream_finds_room_or_hears_how_much_there_is() {
    let slots = StreamSlots::new(9);
    let room = LiveRoom {
        rate: Some(40.0),
        least: 15.0,
    };
    let camera = (StreamDemand::Live(30.0), room);
    let clients = [client(), client(), client()];
    let [first, second, third] = &clients;
    let first = slots.enter(None, first, camera).expect("it is alone");
    assert_eq!(slots.expected(&first, room), None);
    let second = slots.enter(None, second, camera).expect("15 for each");
    assert_eq!(slots.expected(&second, room), Some(20.0));
    let refused = slots.enter(None, third, camera);
    assert!(matches!(refused, Err(NoSlot::NoRoom(why)) if why.streams == 2));
    assert!(slots.enter(None, third, FILE).is_ok(), "files wait");
    drop(second);
    assert!(slots.enter(None, third, camera).is_ok());
}

#[test]
fn a_meeting_point_learns_how_many_slots_are_free() {
    let load = WorkerLoad {
        streams: 2,
        ..WorkerLoad::default()
    };
    let slots = StreamSlots::new(2).offers(load);
    let told = slots.load();
    let free = || told.borrow().free;
    assert_eq!(free(), 2);
    let permit = slots.enter(None, &client(), FILE);
    assert_eq!(free(), 1);
    let _other = slots.enter(None, &client(), FILE);
    assert_eq!(free(), 0);
    drop(permit);
    assert_eq!(free(), 1);
}
