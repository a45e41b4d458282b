using System.Globalization;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>How often each thing happened.</summary>
internal sealed class Tally
{
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);

    public long this[string what] => _counts.GetValueOrDefault(what);

    public void Count(string what, long times = 1) => _counts[what] = _counts.GetValueOrDefault(what) + times;

    public void Add(Tally other)
    {
        foreach (var (what, times) in other._counts)
        {
            Count(what, times);
        }
    }

    public override string ToString() => string.Join('\n', _counts
        .OrderBy(static pair => pair.Key, StringComparer.Ordinal)
        .Select(static pair => string.Create(CultureInfo.InvariantCulture, $"  {pair.Key,-44} {pair.Value,12}")));
}
