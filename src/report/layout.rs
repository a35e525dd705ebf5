//! From blocks to A4 pages: measures text, breaks lines and pages, repeats table heads.
//!
//! No line is ever cut: a row that does not fit goes to the next page, one higher than a page is
//! split between its lines, a heading stays with what it heads.

use super::document::{Block, Cell, Column, Document, Table, WIDTH};
use crate::draw::badge::badge;
use crate::draw::drawing::{Anchor, Drawing, Ink, Item, Pen};
use crate::draw::panel::panel;
use crate::draw::text::{self, Face};

/// A4, points.
pub const PAGE: (f32, f32) = (595.28, 841.89);
const LEFT: f32 = 45.0;
const TOP: f32 = 62.0;
const FOOT: f32 = 788.0;

const BODY: f32 = 9.0;
const LEADING: f32 = 12.6;
const CELL: f32 = 7.8;
const CELL_SMALL: f32 = 6.8;
const CELL_LEADING: f32 = 10.2;
const PAD: f32 = 3.5;

/// One page, and the chapters that begin on it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// From back to front.
    pub items: Vec<Item>,
    /// Headings with their height on the page.
    pub marks: Vec<(String, f32)>,
}

/// Sets a document.
#[must_use]
pub fn pages(document: &Document) -> Vec<Page> {
    let mut flow = Flow { pages: vec![Page::default()], y: TOP };
    flow.title(document);
    flow.blocks(&document.cover);
    for (n, chapter) in document.chapters.iter().enumerate() {
        let title = format!("{}  {}", n + 1, chapter.title);
        // The first chapter leaves the cover alone.
        if n == 0 {
            flow.next_page();
        }
        let first = chapter.blocks.first().map_or(0.0, lead);
        flow.space(20.0);
        flow.need(26.0 + first.max(90.0));
        flow.page().marks.push((title.clone(), 0.0));
        let y = flow.y;
        flow.page().marks.last_mut().expect("just pushed").1 = y;
        flow.line(Face::Bold, 14.0, Ink::MAIN, &title, 18.0);
        flow.y += 3.0;
        let y = flow.y;
        flow.push(Item::Line { points: vec![(LEFT, y), (LEFT + WIDTH, y)], pen: Pen::solid(Ink::MAIN, 0.8) });
        flow.y += 8.0;
        flow.blocks(&chapter.blocks);
    }
    let mut pages = flow.pages;
    let count = pages.len();
    for (n, page) in pages.iter_mut().enumerate() {
        furniture(page, document, n + 1, count);
    }
    pages
}

/// Whether `cover` stands on the first page of `document`, title and warning included.
#[must_use]
pub fn fits_one_page(document: &Document, cover: &[Block]) -> bool {
    let mut flow = Flow { pages: vec![Page::default()], y: TOP };
    flow.title(document);
    flow.blocks(cover);
    flow.pages.len() == 1
}

/// Head and foot lines.
fn furniture(page: &mut Page, document: &Document, number: usize, count: usize) {
    let mut drawing = Drawing::new(PAGE.0, PAGE.1);
    let right = LEFT + WIDTH;
    if number > 1 {
        drawing.text(LEFT, 40.0, 7.5, Face::Regular, Ink::MUTED, &document.title);
        drawing.line((LEFT, 46.0), (right, 46.0), Pen::solid(Ink::RULE, 0.5));
        if document.warning.is_some() {
            drawing.anchored(right, 40.0, 7.5, Face::Bold, Ink::DOUBT, Anchor::End, "Provisional");
        }
    }
    drawing.line((LEFT, 802.0), (right, 802.0), Pen::solid(Ink::RULE, 0.5));
    let running = text::fit(Face::Regular, 7.5, &document.running, WIDTH - 80.0);
    drawing.text(LEFT, 813.0, 7.5, Face::Regular, Ink::MUTED, &running);
    drawing.anchored(right, 813.0, 7.5, Face::Regular, Ink::MUTED, Anchor::End, &format!("Page {number} of {count}"));
    page.items.extend(drawing.items);
}

struct Flow {
    pages: Vec<Page>,
    y: f32,
}

impl Flow {
    fn page(&mut self) -> &mut Page {
        self.pages.last_mut().expect("a flow starts with a page and never loses one")
    }

    fn push(&mut self, item: Item) {
        self.page().items.push(item);
    }

    fn next_page(&mut self) {
        self.pages.push(Page::default());
        self.y = TOP;
    }

    /// Goes to the next page when so much does not fit on this one, unless this one is empty.
    fn need(&mut self, height: f32) {
        if self.y + height > FOOT && self.y > TOP {
            self.next_page();
        }
    }

    /// White space, but not at the head of a page.
    fn space(&mut self, height: f32) {
        if self.y > TOP {
            self.y += height;
        }
    }

    fn line(&mut self, face: Face, size: f32, ink: Ink, text: &str, leading: f32) {
        let mut drawing = Drawing::new(0.0, 0.0);
        drawing.text(LEFT, self.y + size, size, face, ink, text);
        self.page().items.extend(drawing.items);
        self.y += leading;
    }

    fn title(&mut self, document: &Document) {
        self.y = 52.0;
        for line in text::wrap(Face::Bold, 21.0, &document.title, WIDTH) {
            self.line(Face::Bold, 21.0, Ink::MAIN, &line, 26.0);
        }
        for line in text::wrap(Face::Regular, 11.0, &document.subtitle, WIDTH) {
            self.line(Face::Regular, 11.0, Ink::TEXT, &line, 15.0);
        }
        self.y += 9.0;
        if let Some(warning) = &document.warning {
            let lines = text::wrap(Face::Bold, BODY, warning, WIDTH - 16.0);
            let height = LEADING * lines.len() as f32 + 8.0;
            let pen = Pen { ink: Ink::DOUBT, width: 1.0, dash: Some((4.0, 3.0)) };
            self.push(Item::Rect { x: LEFT, y: self.y, w: WIDTH, h: height, fill: None, pen: Some(pen) });
            let mut drawing = Drawing::new(0.0, 0.0);
            for (n, line) in lines.iter().enumerate() {
                drawing.text(LEFT + 8.0, self.y + 13.0 + LEADING * n as f32, BODY, Face::Bold, Ink::DOUBT, line);
            }
            self.page().items.extend(drawing.items);
            self.y += height + 9.0;
        }
    }

    fn blocks(&mut self, blocks: &[Block]) {
        for (n, block) in blocks.iter().enumerate() {
            match block {
                Block::Heading(title) => {
                    self.space(7.0);
                    self.need(20.0 + blocks.get(n + 1).map_or(0.0, lead));
                    for line in text::wrap(Face::Bold, 10.5, title, WIDTH) {
                        self.line(Face::Bold, 10.5, Ink::MAIN, &line, 15.5);
                    }
                }
                Block::Text(words) => self.paragraph(words, BODY, LEADING, Ink::TEXT),
                Block::Small(words) => self.paragraph(words, 7.5, 10.0, Ink::MUTED),
                Block::Facts(facts) => self.facts(facts),
                Block::Table(table) => self.table(table),
                Block::Answers(answers) => self.picture(&panel(answers, WIDTH)),
                Block::Picture(drawing) => self.picture(drawing),
            }
        }
    }

    fn picture(&mut self, drawing: &Drawing) {
        self.need(drawing.height + 4.0);
        let y = self.y;
        self.page().items.extend(drawing.items.iter().map(|i| i.moved(LEFT, y)));
        self.y += drawing.height + 11.0;
    }

    fn paragraph(&mut self, words: &str, size: f32, leading: f32, ink: Ink) {
        let lines = text::wrap(Face::Regular, size, words, WIDTH);
        let count = lines.len();
        for (n, line) in lines.iter().enumerate() {
            // Neither the first nor the last line stands alone.
            let together = if n == 0 || n + 2 == count { 2.0_f32.min((count - n) as f32) } else { 1.0 };
            self.need(leading * together);
            self.line(Face::Regular, size, ink, line, leading);
        }
        self.y += 5.0;
    }

    fn facts(&mut self, facts: &[(String, String)]) {
        const NAME: f32 = 92.0;
        for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
            let lines = text::wrap(Face::Regular, 8.5, value, WIDTH - NAME);
            self.need(12.0 * lines.len() as f32);
            let mut drawing = Drawing::new(0.0, 0.0);
            drawing.text(LEFT, self.y + 8.5, 8.5, Face::Bold, Ink::MUTED, name);
            for (n, line) in lines.iter().enumerate() {
                drawing.text(LEFT + NAME, self.y + 8.5 + 12.0 * n as f32, 8.5, Face::Regular, Ink::TEXT, line);
            }
            self.page().items.extend(drawing.items);
            self.y += 12.0 * lines.len() as f32 + 1.5;
        }
        self.y += 7.0;
    }

    fn table(&mut self, table: &Table) {
        if table.rows.is_empty() {
            self.paragraph(&table.empty, BODY, LEADING, Ink::TEXT);
            return;
        }
        let widths = widths(&table.columns);
        let head = head(&table.columns, &widths);
        let rows: Vec<Row> = table.rows.iter().flat_map(|cells| split(row(cells, &table.columns, &widths))).collect();
        self.need(head.height + rows.first().map_or(0.0, |r| r.height));
        self.set_row(&head, true);
        for row in &rows {
            if self.y + row.height > FOOT {
                self.next_page();
                self.set_row(&head, true);
            }
            self.set_row(row, false);
        }
        self.y += 11.0;
    }

    fn set_row(&mut self, row: &Row, head: bool) {
        let y = self.y;
        if head {
            self.push(Item::Rect { x: LEFT, y, w: WIDTH, h: row.height, fill: Some(Ink::TINT), pen: None });
        }
        self.page().items.extend(row.items.iter().flatten().map(|i| i.item.moved(LEFT, y)));
        self.y += row.height;
        let (foot, ink) = (self.y, if head { Ink::MUTED } else { Ink::RULE });
        self.push(Item::Line { points: vec![(LEFT, foot), (LEFT + WIDTH, foot)], pen: Pen::solid(ink, 0.5) });
    }
}

/// How much of a block must stand together with its heading.
fn lead(block: &Block) -> f32 {
    match block {
        Block::Heading(_) => 60.0,
        Block::Text(_) | Block::Small(_) | Block::Facts(_) => 3.0 * LEADING,
        Block::Picture(drawing) => drawing.height + 4.0,
        Block::Answers(_) => 0.0,
        Block::Table(table) if table.rows.is_empty() => LEADING,
        Block::Table(table) => {
            let widths = widths(&table.columns);
            let rows = table.rows.iter().take(2).map(|cells| row(cells, &table.columns, &widths).height);
            (head(&table.columns, &widths).height + rows.sum::<f32>()).min((FOOT - TOP) / 2.0)
        }
    }
}

/// A row that is measured: each cell's items relative to the row's upper left corner.
struct Row {
    height: f32,
    items: Vec<Vec<Placed>>,
}

/// An item with its lower edge, so that a row can be split between lines.
#[derive(Clone)]
struct Placed {
    item: Item,
    foot: f32,
}

/// Left edge and width of every column: by share, but no heading is broken inside a word.
fn widths(columns: &[Column]) -> Vec<(f32, f32)> {
    let least: Vec<f32> = columns
        .iter()
        .map(|c| c.title.split(' ').map(|w| text::width(Face::Bold, CELL, w)).fold(0.0, f32::max) + 2.0 * PAD + 0.5)
        .collect();
    let total: f32 = columns.iter().map(|c| c.share).sum();
    let mut widths: Vec<f32> = columns.iter().zip(&least).map(|(c, l)| (WIDTH * c.share / total).max(*l)).collect();
    // What the narrow ones took, the others give in proportion to what they can spare.
    let over = widths.iter().sum::<f32>() - WIDTH;
    let spare: f32 = widths.iter().zip(&least).map(|(w, l)| w - l).sum();
    if over > 0.0 && spare > 0.0 {
        for (width, least) in widths.iter_mut().zip(&least) {
            *width -= (*width - least) * (over / spare).min(1.0);
        }
    }
    let mut x = 0.0;
    widths
        .into_iter()
        .map(|width| {
            x += width;
            (x - width, width)
        })
        .collect()
}

fn head(columns: &[Column], widths: &[(f32, f32)]) -> Row {
    let cells: Vec<Cell> = columns.iter().map(|c| Cell::Strong(c.title.clone())).collect();
    row(&cells, columns, widths)
}

fn row(cells: &[Cell], columns: &[Column], widths: &[(f32, f32)]) -> Row {
    let mut height: f32 = 0.0;
    let mut items = Vec::new();
    for (n, ((cell, column), (x, width))) in cells.iter().zip(columns).zip(widths).enumerate() {
        // A number on the right edge and a text on the left edge need air between them.
        let air = if n > 0 && columns[n - 1].right && !column.right { 6.0 } else { 0.0 };
        let (x, width) = (x + air, width - air);
        let room = width - 2.0 * PAD;
        let mut placed = Vec::new();
        let mut y = PAD;
        let mut write = |words: &str, face: Face, size: f32, ink: Ink| {
            for line in text::wrap(face, size, words, room) {
                let (at, anchor) = if column.right { (x + width - PAD, Anchor::End) } else { (x + PAD, Anchor::Start) };
                let item = Item::Text { x: at, y: y + size * 0.95, size, face, ink, anchor, text: line };
                y += if size < CELL { CELL_LEADING - 1.2 } else { CELL_LEADING };
                placed.push(Placed { item, foot: y });
            }
        };
        match cell {
            Cell::Text(words) => write(words, Face::Regular, CELL, Ink::TEXT),
            Cell::Strong(words) => write(words, Face::Bold, CELL, Ink::TEXT),
            Cell::Pair(above, below) => {
                write(above, Face::Regular, CELL, Ink::TEXT);
                if !below.is_empty() {
                    write(below, Face::Regular, CELL_SMALL, Ink::MUTED);
                }
            }
            Cell::Fine(words, strong) => {
                write(words, if *strong { Face::Bold } else { Face::Regular }, CELL_SMALL, Ink::TEXT);
            }
            Cell::Badge(tone, words) => {
                let badge = badge(*tone, words, 7.0);
                placed.extend(
                    badge.items.iter().map(|i| Placed { item: i.moved(x + PAD, PAD - 0.8), foot: badge.height + PAD }),
                );
                y += badge.height;
            }
            Cell::Picture(drawing) => {
                placed.extend(
                    drawing
                        .items
                        .iter()
                        .map(|i| Placed { item: i.moved(x + PAD, PAD - 1.0), foot: drawing.height + PAD }),
                );
                y += drawing.height - 1.0;
            }
        }
        height = height.max(y + PAD - 1.0);
        items.push(placed);
    }
    Row { height, items }
}

/// A row that is higher than a page becomes several.
fn split(row: Row) -> Vec<Row> {
    let most = (FOOT - TOP) * 0.8;
    if row.height <= most {
        return vec![row];
    }
    let parts = (row.height / most).ceil() as usize;
    (0..parts)
        .map(|part| {
            let (from, to) = (most * part as f32, most * (part + 1) as f32);
            let mut height: f32 = 0.0;
            let items = row.items.iter().map(|cell| {
                let mut inside: Vec<Placed> = cell.iter().filter(|p| p.foot > from && p.foot <= to).cloned().collect();
                // The first line of a part stands where the first line of a row does.
                let rise = inside.first().map_or(0.0, |p| p.foot - CELL_LEADING - PAD).max(0.0);
                for p in &mut inside {
                    p.item = p.item.moved(0.0, -rise);
                    height = height.max(p.foot - rise + PAD);
                }
                inside
            });
            let items = items.collect();
            Row { height, items }
        })
        .filter(|part| part.items.iter().any(|cell| !cell.is_empty()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::Chapter;

    fn document(blocks: Vec<Block>) -> Document {
        Document {
            title: "T".into(),
            subtitle: "S".into(),
            running: "R".into(),
            warning: None,
            cover: Vec::new(),
            chapters: vec![Chapter { title: "C".into(), blocks }],
        }
    }

    fn texts(pages: &[Page]) -> impl Iterator<Item = (f32, &str)> {
        pages.iter().flat_map(|p| &p.items).filter_map(|i| match i {
            Item::Text { y, text, .. } => Some((*y, text.as_str())),
            _ => None,
        })
    }

    #[test]
    fn a_table_repeats_its_head_and_loses_no_row() {
        let mut table = Table::new(&[("Head", 1.0, false), ("Number", 1.0, true)], "");
        table.rows = (0..200).map(|n| vec![Cell::text(format!("row{n}")), Cell::text("1")]).collect();
        let pages = pages(&document(vec![Block::Table(table)]));
        assert!(pages.len() > 3);
        assert_eq!(texts(&pages).filter(|(_, t)| t.starts_with("row")).count(), 200);
        assert_eq!(texts(&pages).filter(|(_, t)| *t == "Head").count(), pages.len() - 1);
    }

    #[test]
    fn a_row_higher_than_a_page_is_split_between_its_lines() {
        let words: Vec<String> = (0..6000).map(|n| format!("word{n}")).collect();
        let mut table = Table::new(&[("Head", 1.0, false)], "");
        table.rows = vec![vec![Cell::text(words.join(" "))]];
        let pages = pages(&document(vec![Block::Table(table)]));
        let found: Vec<&str> =
            texts(&pages).flat_map(|(_, t)| t.split(' ')).filter(|w| w.starts_with("word")).collect();
        assert_eq!(found, words);
    }

    #[test]
    fn nothing_stands_below_the_foot() {
        let blocks = (0..90)
            .map(|n| if n % 3 == 0 { Block::Heading("H".into()) } else { Block::Text("lorem ipsum ".repeat(n)) });
        let pages = pages(&document(blocks.collect()));
        for (y, text) in texts(&pages) {
            assert!(y <= FOOT || y == 813.0, "{text} at {y}");
        }
    }
}
