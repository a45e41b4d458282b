namespace Benchmarks;

/// <summary>How long and how often: the whole, within 15 minutes, or a look at it, within 2.</summary>
/// <param name="Folder">For configurations and credentials.</param>
/// <param name="Rounds">Of the CPU ratios against others.</param>
/// <param name="LatencyRounds">Of what is measured against plain YARP or the gateway itself, and has a bar.</param>
/// <param name="BulkRounds">Of what is only reported.</param>
/// <param name="Starts">Of the gateway's process.</param>
/// <param name="Slice">One peer's part of a round of CPU ratios, in whole seconds.</param>
/// <param name="ShortSlice">The same of the others.</param>
/// <param name="WarmUp">Each run before the first round.</param>
/// <param name="IdleTerminals">Open at once.</param>
/// <param name="Users">In the session map, of whom requests are drawn by Zipf.</param>
/// <param name="Draws">Requests drawn of them; their users are warm before the measured rounds.</param>
/// <param name="Changes">Session changes whose way to every replica is timed.</param>
internal sealed record Plan(
    string Folder, int Rounds, int LatencyRounds, int BulkRounds, int Starts, TimeSpan Slice, TimeSpan ShortSlice, TimeSpan WarmUp, int IdleTerminals, int Users, int Draws, int Changes)
{
    public static Plan Whole(string folder) =>
        new(folder, 31, 11, 5, 7, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3), 8000, 1_000_000, 20_000, 500);

    public static Plan Quick(string folder) =>
        new(folder, 5, 3, 1, 1, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), 1000, 20_000, 2_000, 100);
}
