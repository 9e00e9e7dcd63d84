//! What tiles have for the window, between the threads that fill them and the one that draws.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::frame::AnnotatedFrame;
use super::rate::RateMeter;

/// How often keys and clicks are handled while no picture comes.
const POLL_INTERVAL: Duration = Duration::from_millis(15);

/// Which tile it is, in this window for all time.
pub(super) type TileId = u64;

/// The tiles of a window, which threads share; clones are the same.
#[derive(Clone, Default)]
pub(super) struct SharedTiles(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    /// In the order in which they came.
    tiles: Vec<Tile>,
    next_id: TileId,
    /// There are other tiles than the loop has seen.
    are_others: bool,
    /// A title that the window does not have yet.
    pub(super) title: Option<String>,
    /// Handles that are there, those of tiles included.
    pub(super) handles: usize,
    pub(super) loop_ended: bool,
}

struct Tile {
    id: TileId,
    name: String,
    newest: Option<AnnotatedFrame>,
    rate: RateMeter,
}

/// A tile as the loop gets it.
pub(super) struct NewTile {
    pub(super) id: TileId,
    pub(super) name: String,
    /// Pictures a second.
    pub(super) rate: Option<f64>,
    /// A picture that the loop has not seen.
    pub(super) newest: Option<AnnotatedFrame>,
}

/// What the loop has to do.
pub(super) enum WindowEvent {
    /// These are the tiles now: some are new, have gone, or have a new picture.
    Tiles(Vec<NewTile>),
    Nothing,
    End,
}

impl SharedTiles {
    // Every change under the lock is complete: the state behind a poisoned lock is valid.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the wait of the loop, if there is something for it.
    pub(super) fn notify(&self) {
        self.0.changed.notify_one();
    }

    /// What has changed, once it is `due`, waiting [`POLL_INTERVAL`] for it; the tiles as they are once it is time to
    /// `refresh` what is written about them.
    pub(super) fn next(&self, due: Instant, refresh: Instant) -> WindowEvent {
        let none = |state: &State| {
            let now = Instant::now();
            now < due || (!state.has_changed() && now < refresh)
        };
        let idle = |state: &mut State| none(state) && state.handles > 0;
        let until_due = due.saturating_duration_since(Instant::now());
        let wait = match until_due.is_zero() {
            true => POLL_INTERVAL,
            false => until_due.min(POLL_INTERVAL),
        };
        let changed = &self.0.changed;
        let waited = changed.wait_timeout_while(self.lock(), wait, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.handles == 0 {
            return WindowEvent::End;
        }
        if none(&state) {
            return WindowEvent::Nothing;
        }
        WindowEvent::Tiles(state.take(Instant::now()))
    }
}

impl State {
    /// Adds a tile.
    pub(super) fn add(&mut self, name: &str) -> TileId {
        let id = self.next_id;
        self.next_id += 1;
        self.tiles.push(Tile {
            id,
            name: name.to_owned(),
            newest: None,
            rate: RateMeter::default(),
        });
        self.are_others = true;
        id
    }

    /// Takes a tile away. Its picture, if the loop has not seen it.
    pub(super) fn remove(&mut self, id: TileId) -> Option<AnnotatedFrame> {
        let index = self.tiles.iter().position(|tile| tile.id == id)?;
        self.are_others = true;
        self.tiles.remove(index).newest
    }

    /// A tile has a new picture. What is not shown now: the one before, or this one.
    pub(super) fn show(
        &mut self,
        id: TileId,
        picture: AnnotatedFrame,
        now: Instant,
    ) -> Option<AnnotatedFrame> {
        if self.loop_ended {
            return Some(picture);
        }
        let tile = self.tiles.iter_mut().find(|tile| tile.id == id)?;
        tile.rate.came(now);
        tile.newest.replace(picture)
    }

    fn has_changed(&self) -> bool {
        self.are_others || self.tiles.iter().any(|tile| tile.newest.is_some())
    }

    fn take(&mut self, now: Instant) -> Vec<NewTile> {
        self.are_others = false;
        let new = |tile: &mut Tile| NewTile {
            id: tile.id,
            name: tile.name.clone(),
            rate: tile.rate.rate(now),
            newest: tile.newest.take(),
        };
        self.tiles.iter_mut().map(new).collect()
    }

    /// The loop has ended. The pictures that it has not seen.
    pub(super) fn end(&mut self) -> Vec<AnnotatedFrame> {
        self.loop_ended = true;
        let tiles = self.tiles.iter_mut();
        tiles.filter_map(|tile| tile.newest.take()).collect()
    }

    #[cfg(test)]
    pub(super) fn has_no_pictures(&self) -> bool {
        self.tiles.iter().all(|tile| tile.newest.is_none())
    }
}
