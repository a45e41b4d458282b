using System.Globalization;

namespace Gateway.Sessions;

/// <summary>A month of the ledger, by UTC.</summary>
internal readonly record struct LedgerMonth(int Year, int Month)
{
    /// <summary>How many months are kept, the present one included.</summary>
    public const int Kept = 13;

    /// <summary>What use is told apart by.</summary>
    public static readonly TimeSpan Turn = TimeSpan.FromSeconds(5);

    public DateTimeOffset First => new(Year, Month, 1, 0, 0, 0, TimeSpan.Zero);

    public DateTimeOffset End => First.AddMonths(1);

    public static LedgerMonth Of(DateTimeOffset at) => new(at.UtcDateTime.Year, at.UtcDateTime.Month);

    /// <summary>By <c>2030-01</c>.</summary>
    public static LedgerMonth? TryParse(string text) =>
        DateOnly.TryParseExact(text, "yyyy-MM", CultureInfo.InvariantCulture, DateTimeStyles.None, out var first) ? new(first.Year, first.Month) : null;

    /// <summary>Those kept at that moment as the scripts read them, the oldest first.</summary>
    public static string KeptAt(DateTimeOffset at)
    {
        var present = Of(at).First;
        return string.Join(' ', Enumerable.Range(1 - Kept, Kept).Select(before => Of(present.AddMonths(before)))
            .Select(static month => string.Create(CultureInfo.InvariantCulture, $"{month}={month.First.ToUnixTimeMilliseconds()}-{month.End.ToUnixTimeMilliseconds()}")));
    }

    public override string ToString() => First.ToString("yyyy-MM", CultureInfo.InvariantCulture);
}
