//! What the window shows of its tiles: the only one, all of them, or one that is made large.

use super::frame::{AnnotatedFrame, DrawError, EMPTY_WINDOW_SIZE};
use super::grid::{Cell, Grid, shape};
use super::tiles::{NewTile, TileId};
use crate::Image;
use crate::draw::Trails;
use crate::window::{EscapeKey, Window, WindowError, WindowInput, WindowStatus};

/// Between tiles, and beside a picture that does not fill its tile.
const BACKGROUND: u8 = 24;

/// Bytes of a pixel.
const PIXEL: usize = 3;

/// Letters of a tile's name at most.
const NAME_LETTERS: usize = 40;

/// What the window shows.
#[derive(Default)]
pub(super) struct View {
    tiles: Vec<ViewTile>,
    /// The tile that is made large.
    large: Option<TileId>,
    /// The grid that the window was given its size for: columns, rows, and the size of pictures.
    fitted: Option<((u32, u32), (u32, u32))>,
    /// The grid that is shown now.
    grid: Option<Grid>,
}

/// A tile, with what was drawn of it.
struct ViewTile {
    id: TileId,
    name: String,
    rate: Option<f64>,
    frame: Option<AnnotatedFrame>,
    trails: Trails,
    /// In a grid: its picture, and the room that it was drawn for. `None`: it is to be drawn.
    drawn: Option<(Image, (u32, u32))>,
}

impl View {
    /// Shows that there is nothing yet.
    pub(super) fn wait(window: &mut Window) -> Result<WindowStatus, WindowError> {
        let waiting = AnnotatedFrame::waiting();
        show_or_poll(window, waiting.draw(), Window::show)
    }

    /// Takes what tiles have now. Whether something that is shown has changed.
    pub(super) fn take(&mut self, tiles: Vec<NewTile>) -> bool {
        let before: Vec<TileId> = self.tiles.iter().map(|tile| tile.id).collect();
        let mut known = std::mem::take(&mut self.tiles);
        let (mut is_new, mut is_other_rate) = (false, false);
        for tile in tiles {
            let index = known.iter().position(|known| known.id == tile.id);
            let mut kept = index.map_or_else(
                || ViewTile::new(tile.id, &tile.name),
                |at| known.swap_remove(at),
            );
            if tenths(kept.rate) != tenths(tile.rate) {
                (kept.rate, kept.drawn, is_other_rate) = (tile.rate, None, true);
            }
            if let Some(newest) = tile.newest {
                (kept.frame, kept.drawn) = (Some(newest), None);
                is_new |= self.large.is_none_or(|large| large == tile.id);
            }
            self.tiles.push(kept);
        }
        let now = self.tiles.iter().map(|tile| tile.id);
        let are_others = !now.eq(before);
        if are_others {
            // Their numbers are others.
            self.tiles.iter_mut().for_each(|tile| tile.drawn = None);
        }
        is_new |= is_other_rate && self.is_grid();
        let is_large = |tile: &ViewTile| Some(tile.id) == self.large;
        if self.tiles.len() < 2 || !self.tiles.iter().any(is_large) {
            self.large = None;
        }
        is_new || are_others
    }

    /// Makes a tile large, or goes back to all of them. Whether something has changed.
    pub(super) fn choose(&mut self, inputs: Vec<WindowInput>) -> bool {
        let before = self.large;
        for input in inputs {
            match input {
                WindowInput::Click(at) if self.is_grid() => {
                    let index = self.grid.and_then(|grid| grid.tile_at(at));
                    self.enlarge(index);
                }
                WindowInput::Digit(number) if self.tiles.len() > 1 => {
                    self.enlarge(usize::from(number).checked_sub(1));
                }
                WindowInput::Back => self.large = None,
                WindowInput::Click(_) | WindowInput::Digit(_) => {}
            }
        }
        self.large != before
    }

    /// Whether all tiles are shown side by side.
    fn is_grid(&self) -> bool {
        self.large.is_none() && self.tiles.len() > 1
    }

    fn enlarge(&mut self, index: Option<usize>) {
        let tile = index.and_then(|index| self.tiles.get(index));
        self.large = tile.map(|tile| tile.id).or(self.large);
    }

    /// Shows what there is now.
    pub(super) fn show(&mut self, window: &mut Window) -> Result<WindowStatus, WindowError> {
        window.set_escape_key(match self.large {
            Some(_) => EscapeKey::GoesBack,
            None => EscapeKey::Closes,
        });
        let large = self.large;
        match &mut self.tiles[..] {
            [] => window.poll(),
            [only] => {
                (self.grid, self.fitted) = (None, None);
                let Some(frame) = &only.frame else {
                    return Self::wait(window);
                };
                let drawn = frame.draw_after(&mut only.trails, &frame.caption);
                show_or_poll(window, drawn, Window::show)
            }
            several => match several.iter_mut().find(|tile| Some(tile.id) == large) {
                Some(tile) => {
                    let drawn = tile.draw_large();
                    show_or_poll(window, drawn, Window::show_in_room)
                }
                None => self.show_all(window),
            },
        }
    }

    /// Shows all tiles side by side. The window gets a size for them once, and keeps the one that it has then.
    fn show_all(&mut self, window: &mut Window) -> Result<WindowStatus, WindowError> {
        let count = self.tiles.len();
        let sizes = self
            .tiles
            .iter()
            .filter_map(|tile| Some(tile.frame.as_ref()?.content.size()));
        let largest = sizes.reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)));
        let picture = largest.unwrap_or(EMPTY_WINDOW_SIZE);
        let wanted = Some((shape(count), picture));
        let room = window.room().filter(|_| self.fitted == wanted);
        let grid = room.map_or_else(
            || Grid::of_pictures(count, picture),
            |room| Grid::new(count, room),
        );
        (self.grid, self.fitted) = (Some(grid), wanted);
        let image = self.compose(grid);
        match room {
            Some(_) => window.show_in_room(&image),
            None => window.show(&image),
        }
    }

    /// The picture of all tiles. Only those that have something new are drawn.
    fn compose(&mut self, grid: Grid) -> Image {
        let (width, height) = grid.size;
        let mut data = vec![BACKGROUND; width as usize * height as usize * PIXEL];
        for (index, tile) in self.tiles.iter_mut().enumerate() {
            let cell = grid.cell(index);
            if let Some(picture) = tile.draw(index, (cell.width, cell.height)) {
                place(picture, cell, (width, &mut data[..]));
            }
        }
        Image {
            width,
            height,
            channels: 3,
            data: data.into(),
        }
    }
}

impl ViewTile {
    fn new(id: TileId, name: &str) -> Self {
        let letters = name
            .chars()
            .map(|it| if it.is_control() { '?' } else { it });
        Self {
            id,
            name: letters.take(NAME_LETTERS).collect(),
            rate: None,
            frame: None,
            trails: Trails::default(),
            drawn: None,
        }
    }

    /// What is written on the tile in a grid.
    fn caption(&self, index: usize) -> String {
        let name = &self.name;
        let number = index + 1;
        let Some(frame) = &self.frame else {
            return format!("{number}  {name}\nwaiting for frames");
        };
        let what = match frame.nodes.is_empty() {
            true => "frames/s",
            false => "poses/s",
        };
        let rate = self.rate.unwrap_or_default();
        format!("{number}  {name}   {rate:.1} {what}")
    }

    /// The picture of the whole window.
    fn draw_large(&mut self) -> Result<Image, DrawError> {
        let waiting = AnnotatedFrame::waiting();
        let frame = self.frame.as_ref().unwrap_or(&waiting);
        let caption = format!("{}\n{}", self.name, frame.caption);
        // The trails of the tile have another size.
        self.drawn = None;
        frame.draw_after(&mut self.trails, &caption)
    }

    /// The picture of the tile, as large as fits; drawn again where it has changed. `None` where it cannot be.
    fn draw(&mut self, index: usize, room: (u32, u32)) -> Option<&Image> {
        if self.drawn.as_ref().is_none_or(|(_, of)| *of != room) {
            let caption = self.caption(index);
            let waiting = AnnotatedFrame::waiting();
            let frame = self.frame.as_ref().unwrap_or(&waiting);
            match frame.draw_into(room, &mut self.trails, &caption) {
                Ok(image) => self.drawn = Some((image, room)),
                // The next one may be better.
                Err(error) => tracing::debug!(%error, "picture not shown"),
            }
        }
        self.drawn.as_ref().map(|(image, _)| image)
    }
}

/// A rate as it is written.
fn tenths(rate: Option<f64>) -> u64 {
    (rate.unwrap_or_default() * 10.0).round() as u64
}

/// Copies a picture of three channels into the middle of a cell, where it fits.
fn place(picture: &Image, cell: Cell, (width, canvas): (u32, &mut [u8])) {
    let fits = picture.width <= cell.width && picture.height <= cell.height;
    if picture.channels != 3 || !fits {
        return;
    }
    let x = cell.x + (cell.width - picture.width) / 2;
    let y = cell.y + (cell.height - picture.height) / 2;
    for (row, y) in picture.data.chunks_exact(picture.row_bytes()).zip(y..) {
        let start = (y as usize * width as usize + x as usize) * PIXEL;
        if let Some(there) = canvas.get_mut(start..start + row.len()) {
            there.copy_from_slice(row);
        }
    }
}

/// A picture that cannot be drawn is left out; the next may be better.
fn show_or_poll(
    window: &mut Window,
    drawn: Result<Image, DrawError>,
    show: impl FnOnce(&mut Window, &Image) -> Result<WindowStatus, WindowError>,
) -> Result<WindowStatus, WindowError> {
    match drawn {
        Ok(drawn) => show(window, &drawn),
        Err(error) => {
            tracing::debug!(%error, "picture not shown");
            window.poll()
        }
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
