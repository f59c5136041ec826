//! The picture of a report: four small charts on a light ground, big enough to read at the width of a chat message.
//!
//! Each line has its colour (of a palette made for colour-blind eyes, <https://jfly.uni-koeln.de/color/>), its marker
//! and its last value as a number, so that colour is never the only way to tell them apart. All numbers are in the text
//! too, see `wording::history`.

use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use crate::domain::digest::Tally;
use crate::domain::report::{Report, ReportStep, Slice};

const SIZE: (u32, u32) = (1200, 1000);
const FONT: &str = "embedded";
/// Letters: chat programs show the picture at about a third of its size.
const LARGE: u32 = 36;
const SMALL: u32 = 30;
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const VERMILION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type DrawError<'a> = DrawingAreaErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>;

#[derive(Clone, Copy)]
enum Marker {
    Circle,
    Square,
    Triangle,
}

/// One line of a chart; a slice without a value has no point.
struct Series {
    name: &'static str,
    color: RGBColor,
    marker: Marker,
    values: Vec<Option<u32>>,
}

struct Panel {
    title: &'static str,
    unit: String,
    series: Vec<Series>,
}

/// Draws a report. `None` if there is nothing to draw.
pub fn draw(report: &Report) -> Option<Vec<u8>> {
    if report.is_empty() {
        return None;
    }
    let mut pixels = vec![0; SIZE.0 as usize * SIZE.1 as usize * 3];
    paint(report, &mut pixels).expect("drawing into memory with our own font can't fail");
    Some(png_of(&pixels))
}

fn png_of(pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    written.expect("writing to memory can't fail");
    out
}

fn paint<'a>(report: &Report, pixels: &'a mut [u8]) -> Result<(), DrawError<'a>> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let registered = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
        assert!(registered.is_ok(), "the embedded font is a font");
    });
    let root = BitMapBackend::with_buffer(pixels, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(76);
    let each = match report.step {
        ReportStep::Week => "week",
        ReportStep::Month => "month",
    };
    let (first, last) = (report.days.0.format("%-d %b %Y"), report.days.1.format("%-d %b %Y"));
    let title = format!("{}: {first} to {last}, per {each}", short(&report.policy));
    head.draw(&Text::new(title, (24, 20), font(LARGE)))?;
    for (panel, area) in panels(report).iter().zip(body.split_evenly((2, 2))) {
        draw_panel(panel, &report.slices, &area)?;
    }
    root.present()
}

/// A policy's name is the configuration's, and may be long.
fn short(name: &str) -> String {
    if name.chars().count() <= 30 { name.to_owned() } else { name.chars().take(29).chain(['…']).collect() }
}

fn panels(report: &Report) -> [Panel; 4] {
    let slices = &report.slices;
    let series = |name, color, marker, value: &dyn Fn(&Slice) -> Option<u32>| Series {
        name,
        color,
        marker,
        values: slices.iter().map(value).collect(),
    };
    let count = |name, color, marker, value: fn(&Tally) -> u32| {
        series(name, color, marker, &|slice| Some(value(&slice.tally)))
    };
    let (seconds, unit) = unit_of_medians(slices);
    let median = |slice: &Slice| {
        let median = slice.tally.median_to_decide()?;
        u32::try_from((median.num_seconds() + seconds / 2) / seconds).ok()
    };
    [
        Panel {
            title: "Contractor accounts",
            unit: "accounts".into(),
            series: vec![
                series("contractors", BLUE, Marker::Circle, &|slice| Some(slice.listing?.contractors)),
                series("inactive", VERMILION, Marker::Square, &|slice| Some(slice.listing?.inactive)),
            ],
        },
        Panel {
            title: "Suspended and restored",
            unit: "accounts".into(),
            series: vec![
                count("suspended", VERMILION, Marker::Square, |tally| tally.suspended),
                count("restored", GREEN, Marker::Triangle, |tally| tally.restored),
            ],
        },
        Panel {
            title: "Not suspended",
            unit: "number".into(),
            series: vec![
                count("kept", BLUE, Marker::Circle, |tally| tally.kept),
                count("denied", VERMILION, Marker::Square, |tally| tally.denied),
                count("expired", GREEN, Marker::Triangle, |tally| tally.expired),
            ],
        },
        Panel {
            title: "Median time to decision",
            unit: unit.into(),
            series: vec![series("median", BLUE, Marker::Circle, &median)],
        },
    ]
}

/// The unit in which the medians are small whole numbers, in seconds and by name.
fn unit_of_medians(slices: &[Slice]) -> (i64, &'static str) {
    let longest = slices.iter().filter_map(|slice| slice.tally.median_to_decide()).max();
    match longest.map_or(0, |longest| longest.num_minutes()) {
        0..180 => (60, "minutes"),
        180..7200 => (3600, "hours"),
        _ => (86400, "days"),
    }
}

fn font(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

fn draw_panel<'a>(panel: &Panel, slices: &[Slice], area: &Area<'a>) -> Result<(), DrawError<'a>> {
    area.draw(&Text::new(panel.title, (24, 0), font(LARGE)))?;
    draw_legend(panel, area)?;
    let (_, plot) = area.split_vertically(92);
    let highest = panel.series.iter().flat_map(|series| series.values.iter().flatten()).max();
    let top = highest.map_or(4, |highest| (*highest).max(4));
    let last = i32::try_from(slices.len()).unwrap_or(i32::MAX);
    let mut chart = ChartBuilder::on(&plot)
        .margin_right(84)
        .margin_bottom(8)
        .x_label_area_size(48)
        .y_label_area_size(116)
        // Room above, so that no number is cut off.
        .build_cartesian_2d(-1..last, 0..top + top.div_ceil(5))?;
    let day = |at: &i32| {
        let slice = usize::try_from(*at).ok().and_then(|at| slices.get(at));
        slice.map_or(String::new(), |slice| slice.day.format("%-d %b").to_string())
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .x_labels(4)
        .y_labels(4)
        .x_label_formatter(&day)
        .x_label_style(font(SMALL))
        .y_label_style(font(SMALL))
        .y_desc(panel.unit.as_str())
        .axis_desc_style(font(SMALL))
        .draw()?;
    for series in &panel.series {
        let points: Vec<(i32, u32)> =
            (0..).zip(&series.values).filter_map(|(at, value)| Some((at, (*value)?))).collect();
        chart.draw_series(LineSeries::new(points.iter().copied(), series.color.stroke_width(4)))?;
        chart.draw_series(points.iter().map(|point| EmptyElement::at(*point) + marker(series, (0, 0))))?;
        if let Some(end) = points.last() {
            let style = font(SMALL).pos(Pos::new(HPos::Left, VPos::Center));
            let number = Text::new(end.1.to_string(), (16, 0), style);
            chart.draw_series([EmptyElement::at(*end) + number])?;
        }
    }
    Ok(())
}

/// The marker of a line, around a place in pixels.
fn marker<'b>(series: &Series, (x, y): (i32, i32)) -> DynElement<'static, BitMapBackend<'b>, (i32, i32)> {
    let style = series.color.filled();
    match series.marker {
        Marker::Circle => Circle::new((x, y), 10, style).into_dyn(),
        Marker::Square => Rectangle::new([(x - 9, y - 9), (x + 9, y + 9)], style).into_dyn(),
        Marker::Triangle => TriangleMarker::new((x, y), 12, style).into_dyn(),
    }
}

fn draw_legend<'a>(panel: &Panel, area: &Area<'a>) -> Result<(), DrawError<'a>> {
    let mut x = 36;
    for series in &panel.series {
        area.draw(&marker(series, (x, 66)))?;
        area.draw(&Text::new(series.name, (x + 18, 50), font(SMALL)))?;
        // A little more than the widest letters take.
        x += 60 + 17 * i32::try_from(series.name.len()).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration, Utc};

    use crate::domain::date_range::DateRange;
    use crate::domain::digest::Tally;
    use crate::domain::report::{Report, ReportStep, Slice};
    use crate::reports::picture::{panels, short, unit_of_medians};

    /// A report with a slice for each decision, which took so many seconds.
    fn report(seconds: &[i64]) -> Report {
        let period = DateRange { since: DateTime::<Utc>::UNIX_EPOCH, until: DateTime::<Utc>::UNIX_EPOCH };
        let day = period.since.date_naive();
        let tally = |seconds: &i64| Tally { seconds_to_decide: vec![*seconds], ..Tally::default() };
        let slices = seconds.iter().map(|one| Slice { period, day, listing: None, tally: tally(one) });
        let policy = "contractors".into();
        Report { policy, period, days: (day, day), step: ReportStep::Week, slices: slices.collect() }
    }

    #[test]
    fn a_long_name_is_cut_to_thirty_letters() {
        assert_eq!(short(&"ü".repeat(30)), "ü".repeat(30));
        assert_eq!(short(&"ü".repeat(31)), "ü".repeat(29) + "…");
    }

    #[test]
    fn medians_have_a_unit_in_which_the_longest_is_a_small_number() {
        let minute = Duration::minutes(1).num_seconds();
        for (longest, unit) in [
            (0, (60, "minutes")),
            (180 * minute - 1, (60, "minutes")),
            (180 * minute, (3600, "hours")),
            (7200 * minute - 1, (3600, "hours")),
            (7200 * minute, (86400, "days")),
        ] {
            assert_eq!(unit_of_medians(&report(&[0, longest, 0]).slices), unit, "{longest}");
        }
        assert_eq!(unit_of_medians(&[]), (60, "minutes"));
    }

    #[test]
    fn medians_are_rounded_to_whole_units() {
        let medians = |seconds: &[i64]| {
            let [_, _, _, panel] = panels(&report(seconds));
            (panel.unit, panel.series[0].values.clone())
        };
        assert_eq!(medians(&[89, 90, 3600]), ("minutes".into(), vec![Some(1), Some(2), Some(60)]));
        let hours = [3600 * 4, 1799, 1800, 5400];
        assert_eq!(medians(&hours), ("hours".into(), vec![Some(4), Some(0), Some(1), Some(2)]));
    }
}
