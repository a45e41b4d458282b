using System.Globalization;

namespace Gateway.Operations.Console;

/// <summary>Moments, spans and states as the console writes them.</summary>
internal static class Words
{
    /// <summary>As a person says it, with the moment itself for whoever points at it.</summary>
    public static Html Ago(DateTimeOffset? at, DateTimeOffset now) => at is { } moment
        ? Html.Of($"""<time datetime="{Machine(moment)}" title="{Moment(moment)}">{(moment > now ? "in " + Span(moment - now) : Span(now - moment) + " ago")}</time>""")
        : Html.Of($"never");

    public static Html At(DateTimeOffset? at) => at is { } moment
        ? Html.Of($"""<time datetime="{Machine(moment)}">{Moment(moment)}</time>""")
        : Html.Of($"–");

    public static Html State(string state) => Html.Of($"""<span class="state" data-state="{state}">{state}</span>""");

    public static Html State(string route, string state) => Html.Of($"""<span class="state" id="state-{route}" data-state="{state}">{state}</span>""");

    public static string Span(TimeSpan span) => span switch
    {
        { TotalSeconds: < 1 } => "under 1 s",
        { TotalMinutes: < 2 } => Number((long)span.TotalSeconds) + " s",
        { TotalHours: < 2 } => Number((long)span.TotalMinutes) + " min",
        { TotalDays: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours} h {span.Minutes} min"),
        _ => Number((long)span.TotalDays) + " days",
    };

    public static string Seconds(double seconds) => seconds.ToString(seconds < 10 ? "0.0" : "0", CultureInfo.InvariantCulture) + " s";

    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Moment(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary><c>frame_to_client</c> is <c>frame to client</c>.</summary>
    public static string Plain(string word) => word.Replace('_', ' ');

    private static string Machine(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
