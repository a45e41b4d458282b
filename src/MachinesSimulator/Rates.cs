namespace MachinesSimulator;

/// <summary>The documented rates: one a second with a burst of three for each action and id, five with a burst of ten for reading a machine.</summary>
internal sealed class Rates(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string, string), (double Tokens, long At)> _buckets = [];

    public bool Take(string action, string target)
    {
        var (rate, burst) = action == "get" ? (5.0, 10.0) : (1.0, 3.0);
        lock (_lock)
        {
            var now = time.GetTimestamp();
            var (tokens, at) = _buckets.GetValueOrDefault((action, target), (burst, now));
            tokens = Math.Min(burst, tokens + (time.GetElapsedTime(at, now).TotalSeconds * rate));
            var taken = tokens >= 1;
            _buckets[(action, target)] = (taken ? tokens - 1 : tokens, now);
            return taken;
        }
    }
}
