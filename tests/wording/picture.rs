//! The picture of a report, as letters: where its lines, markers, words and numbers stand.

use inactive_contractors::domain::report::ReportStep;
use inactive_contractors::reports::picture::draw;

use crate::desk::compare;
use crate::history::report;

/// So many pixels in each direction become one letter: enough that the shapes of the font don't matter.
const FIELD: usize = 10;

/// What the letters stand for: blue, vermilion, green, ink, and the lines of the grid. Of several in a field the first
/// counts, if it is more than a stray pixel.
const COLORS: [(char, [u8; 3]); 5] = [
    ('B', [0x00, 0x72, 0xb2]),
    ('V', [0xd5, 0x5e, 0x00]),
    ('G', [0x00, 0x9e, 0x73]),
    ('#', [0x22, 0x22, 0x22]),
    ('.', [0xdd, 0xdd, 0xdd]),
];

fn in_letters(png: &[u8]) -> String {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("it fits")];
    let info = reader.next_frame(&mut pixels).expect("the whole picture");
    let (width, height) = (info.width as usize, info.height as usize);
    let letter = |x: usize, y: usize| {
        let inside = (y..y + FIELD).flat_map(|y| (x..x + FIELD).map(move |x| (y * width + x) * 3));
        let inside: Vec<&[u8]> = inside.map(|place| &pixels[place..place + 3]).collect();
        let many = |color: [u8; 3]| inside.iter().filter(|pixel| **pixel == color).count() >= 5;
        COLORS.iter().find(|(_, color)| many(*color)).map_or(' ', |(letter, _)| *letter)
    };
    let row = |y: usize| (0..width).step_by(FIELD).map(|x| letter(x, y)).collect::<String>();
    let rows: Vec<String> = (0..height).step_by(FIELD).map(|y| row(y).trim_end().to_owned()).collect();
    rows.join("\n")
}

#[test]
fn a_report_is_drawn_to_scale_with_a_legend_for_each_line() {
    let mut report = report(5, ReportStep::Week);
    // A list of any length and lines that cross, so that each is seen by itself.
    for (slice, (denied, expired)) in report.slices.iter_mut().zip([(0, 9), (3, 7), (6, 0), (9, 4), (12, 4)])
    {
        slice.tally.denied = denied;
        slice.tally.expired = expired;
    }
    compare("picture", &in_letters(&draw(&report).expect("there is something to draw")));
}

#[test]
fn nothing_is_drawn_of_nothing() {
    assert!(draw(&report(0, ReportStep::Week)).is_none());
}
