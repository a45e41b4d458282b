namespace Benchmarks;

/// <summary>How long and how often: the whole, within 15 minutes, or a look at it, within 2.</summary>
internal sealed record Plan(string Folder, int Rounds, int LatencyRounds, int Starts, TimeSpan Slice, TimeSpan WarmUp, int IdleTerminals)
{
    public static Plan Whole(string folder) => new(folder, 31, 11, 7, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(8), 8000);

    public static Plan Quick(string folder) => new(folder, 11, 5, 3, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3), 2000);
}
