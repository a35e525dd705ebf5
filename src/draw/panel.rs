//! Questions with their answers, large enough to be read across a table.

use super::badge::Tone;
use super::drawing::{Drawing, Ink, Pen};
use super::text::{self, Face};

/// One question with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// As in `Was the promise kept?`
    pub question: String,
    /// In a few words.
    pub answer: String,
    /// How it looks.
    pub tone: Tone,
    /// What stands behind it, in a sentence or two.
    pub detail: String,
}

/// The answers below one another; bad ones have a solid edge, good ones an outlined one, doubt a dashed one.
#[must_use]
pub fn panel(answers: &[Answer], width: f32) -> Drawing {
    const EDGE: f32 = 7.0;
    const LEFT: f32 = 128.0;
    const GAP: f32 = 8.0;
    let mut drawing = Drawing::new(width, 0.0);
    let room = width - LEFT - 12.0;
    let mut y = 0.0;
    for a in answers {
        let size = if text::width(Face::Bold, 19.0, &a.answer) <= room { 19.0 } else { 14.0 };
        let answer = text::wrap(Face::Bold, size, &a.answer, room);
        let detail = text::wrap(Face::Regular, 9.5, &a.detail, room);
        let height = 16.0 + size * 1.15 * answer.len() as f32 + 12.5 * detail.len() as f32 + 6.0;
        drawing.fill(0.0, y, width, height, Ink::TINT);
        let edge = a.tone.ink();
        match a.tone {
            Tone::Bad => drawing.fill(0.0, y, EDGE, height, edge),
            Tone::Good => {
                drawing.frame(0.5, y + 0.5, EDGE - 1.0, height - 1.0, Some(Ink::PAPER), Pen::solid(edge, 1.0))
            }
            Tone::Doubt => {
                let pen = Pen { ink: edge, width: 1.0, dash: Some((4.0, 3.0)) };
                drawing.frame(0.5, y + 0.5, EDGE - 1.0, height - 1.0, Some(Ink::PAPER), pen);
            }
        }
        for (n, line) in text::wrap(Face::Regular, 10.0, &a.question, LEFT - EDGE - 16.0).iter().enumerate() {
            drawing.text(EDGE + 10.0, y + 24.0 + 13.0 * n as f32, 10.0, Face::Regular, Ink::MUTED, line);
        }
        let mut base = y + 8.0 + size;
        for line in &answer {
            drawing.text(LEFT, base, size, Face::Bold, edge, line);
            base += size * 1.15;
        }
        base += 14.0 - size * 0.65;
        for line in &detail {
            drawing.text(LEFT, base, 9.5, Face::Regular, Ink::TEXT, line);
            base += 12.5;
        }
        y += height + GAP;
    }
    drawing.height = (y - GAP).max(0.0);
    drawing.alt =
        answers.iter().map(|a| format!("{} {}. {}", a.question, a.answer, a.detail)).collect::<Vec<_>>().join(" ");
    drawing
}
