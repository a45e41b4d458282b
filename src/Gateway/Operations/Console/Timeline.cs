using System.Globalization;
using Gateway.Sessions;

namespace Gateway.Operations.Console;

/// <summary>The last day of a machine as a picture: its states as a band, its use below, and what decided above.</summary>
internal static class Timeline
{
    private const double Width = 960;

    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly string[] Told = ["awake", "waking", "asleep", "stopping", "failed"];

    public static Html Draw(RouteWhy why, DateTimeOffset now)
    {
        if (why.Timeline.Count == 0)
        {
            return Html.Of($"""<p class="note">No change of state was recorded in the last day.</p>""");
        }

        var start = now - Day;
        var spans = Spans(why.Timeline, start, now).ToList();
        var spoken = string.Join(", ", spans.GroupBy(static span => span.State).OrderByDescending(static group => group.Sum(static span => span.Length.TotalSeconds)).Select(static group => group.Key + " " + Words.Span(TimeSpan.FromSeconds(group.Sum(static span => span.Length.TotalSeconds)))));
        return Html.Of($"""
            <div class="scroll" tabindex="0" role="region" aria-label="Timeline">
            <svg class="timeline" viewBox="-8 0 {Width + 16} 96" role="img" aria-label="The last day: {spoken}">
            {Html.Join(Hours(start, now), hour => Html.Of($"<line class=\"t-hour\" x1=\"{X(hour, start)}\" x2=\"{X(hour, start)}\" y1=\"16\" y2=\"78\"/><text x=\"{X(hour, start)}\" y=\"92\" text-anchor=\"middle\">{hour.UtcDateTime.ToString("HH:mm", CultureInfo.InvariantCulture)}</text>"))}
            {Html.Join(spans, span => Html.Of($"<rect class=\"s-{span.State}\" x=\"{X(span.From, start)}\" y=\"24\" width=\"{W(span.Length)}\" height=\"26\"><title>{span.State}, {Words.Moment(span.From)}, {Words.Span(span.Length)}</title></rect>"))}
            {Html.Join(Shown(why, "use", start), cause => Html.Of($"<rect class=\"{UseOf(cause)}\" x=\"{X(cause.At, start)}\" y=\"56\" width=\"{W(TimeSpan.FromMinutes(1))}\" height=\"12\"><title>{Words.Plain(cause.What)}, {Words.Moment(cause.At)}</title></rect>"))}
            {Html.Join(Decided(why, start), cause => Html.Of($"<path class=\"t-{cause.Kind}\" d=\"M{X(cause.At, start)} 22l-5 -9h10z\"><title>{Words.Plain(cause.What)}, {Words.Moment(cause.At)}</title></path>"))}
            </svg>
            </div>
            <p class="legend">{Html.Join(Told.Where(state => spans.Any(span => span.State == state)), static state => Html.Of($"<span><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect class=\"s-{state}\" width=\"10\" height=\"10\" rx=\"2\"/></svg>{state}</span>"))}<span><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="t-use" width="10" height="10" rx="2"/></svg>used</span><span><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="t-socket" width="10" height="10" rx="2"/></svg>attached</span><span><svg viewBox="0 0 10 10" aria-hidden="true"><path class="t-decision" d="M5 9l-5 -8h10z"/></svg>decided</span></p>
            <p class="note">Times are UTC. In the last day: {spoken}.</p>
            """);
    }

    private static IEnumerable<(string State, DateTimeOffset From, TimeSpan Length)> Spans(IReadOnlyList<StateChange> changes, DateTimeOffset start, DateTimeOffset now)
    {
        for (var i = 0; i < changes.Count; i++)
        {
            var from = changes[i].At > start ? changes[i].At : start;
            var to = i + 1 < changes.Count ? changes[i + 1].At : now;
            if (to > from)
            {
                yield return (changes[i].State, from, to - from);
            }
        }
    }

    private static IEnumerable<DateTimeOffset> Hours(DateTimeOffset start, DateTimeOffset now)
    {
        var hour = new DateTimeOffset(start.UtcDateTime.Date, TimeSpan.Zero);
        for (; hour <= now; hour = hour.AddHours(3))
        {
            if (hour > start.AddMinutes(30) && hour < now.AddMinutes(-30))
            {
                yield return hour;
            }
        }
    }

    private static IEnumerable<RouteCause> Shown(RouteWhy why, string kind, DateTimeOffset start) => why.Causes.Where(cause => cause.Kind == kind && cause.At >= start);

    // What passes on a socket, and that one was opened, says that somebody is attached.
    private static string UseOf(RouteCause cause) => cause.What == "socket" || cause.What.StartsWith("frame", StringComparison.Ordinal) ? "t-socket" : "t-use";

    private static IEnumerable<RouteCause> Decided(RouteWhy why, DateTimeOffset start) => why.Causes.Where(cause => cause.Kind != "use" && cause.At >= start);

    private static string X(DateTimeOffset at, DateTimeOffset start) => Coordinate((at - start) / Day * Width);

    // Short ones are seen as well.
    private static string W(TimeSpan length) => Coordinate(Math.Max(1.5, length / Day * Width));

    private static string Coordinate(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
