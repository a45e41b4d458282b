using System.Collections.Concurrent;
using System.Globalization;

namespace Figures;

/// <summary>Many users cold at once, the platform's rates kept: how far behind the ideal the last of them is served.</summary>
internal static class ManyCold
{
    private const int Users = 500;

    private static readonly TimeSpan Start = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Boot = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Behind = TimeSpan.FromSeconds(4);

    public static async Task<IReadOnlyList<Reading>> TakeAsync()
    {
        await using var stage = await Stage.SetAsync(
            static options => (options.RateLimits, options.Delays.Start, options.Delays.EchoBoot) = (true, Start, Boot), 1, ("Machines:KeepRates", "true"));
        var machines = await stage.GiveMachinesAsync(Users);
        var tokens = machines.Select(given => stage.TokenOf(given.User)).ToList();

        var answers = new ConcurrentQueue<Answer>();
        var began = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(tokens.Select(async token => answers.Enqueue(await Request.GetAsync(stage.Gateway.Url, token))));

        // Starts are limited for each machine, with a burst that one start does not exceed: the pace asks for no wait here, so the ideal is one start and one boot.
        var ideal = Start + Boot;
        var failed = answers.Count(static answer => answer.Status != 200);
        var last = TimeProvider.System.GetElapsedTime(began, answers.Max(static answer => answer.FirstByteAt));
        var starts = machines.Count(static given => given.Machine.Starts != 1);
        return
        [
            new($"errors of {Users} users cold at once", $"{failed}", "0", failed == 0),
            new("machines of theirs with another number of starts than 1", $"{starts}", "0", starts == 0),
            new(
                "the last of them served, after the first asked",
                string.Create(CultureInfo.InvariantCulture, $"{last.TotalSeconds:0.0} s"),
                string.Create(CultureInfo.InvariantCulture, $"≤ {Behind.TotalSeconds} s after the ideal of {ideal.TotalSeconds:0.0} s"),
                last <= ideal + Behind),
        ];
    }
}
