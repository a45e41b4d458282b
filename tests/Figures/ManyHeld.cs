using System.Collections.Concurrent;
using System.Globalization;

namespace Figures;

/// <summary>Thousands of requests held for one cold machine: what they cost, and how soon they are answered once it is ready.</summary>
internal static class ManyHeld
{
    private const int Requests = 5000;
    private const double MostEach = 24;

    private static readonly TimeSpan Boot = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Answered = TimeSpan.FromSeconds(3);

    public static async Task<IReadOnlyList<Reading>> TakeAsync()
    {
        await using var stage = await Stage.SetAsync(static _ => { }, 1, ("Waking:MaxHeldPerUser", $"{Requests}"));
        var token = stage.TokenOf("alice");
        var machine = await stage.GiveMachineAsync("alice");
        await stage.WarmAsync();
        machine.BootDelay = Boot;

        await ProcessMemory.SettleAsync(stage.Gateway.Id);
        await using var memory = ProcessMemory.Watch(stage.Gateway.Id);
        var answers = new ConcurrentQueue<Answer>();
        var held = WhileHeldAsync(memory);
        using var connecting = new SemaphoreSlim(256);
        await Task.WhenAll(Enumerable.Range(0, Requests).Select(async _ =>
        {
            using var request = new Request(stage.Gateway.Url, token);
            await connecting.WaitAsync();
            try
            {
                await request.BeginAsync();
            }
            finally
            {
                connecting.Release();
            }

            answers.Enqueue(await request.AnswerAsync());
        }));

        var good = answers.Count(static answer => answer.Status == 200);
        var last = answers.Max(static answer => answer.SinceReady);
        var whileHeld = await held / 1024.0 / Requests;
        var each = memory.Growth / 1024.0 / Requests;
        return
        [
            new($"of {Requests} requests held for one cold machine, answered 200", $"{good}", $"{Requests}", good == Requests),
            new("accepted starts for them", $"{machine.Starts}", "1", machine.Starts == 1),
            new("memory of the gateway for each, hold and release together", string.Create(CultureInfo.InvariantCulture, $"{each:0.0} KB, {whileHeld:0.0} KB of it while held"), $"≤ {MostEach} KB", each <= MostEach),
            new("from ready to the last answer", string.Create(CultureInfo.InvariantCulture, $"{last.TotalSeconds:0.00} s"), $"≤ {Answered.TotalSeconds} s", last <= Answered),
        ];
    }

    private static async Task<long> WhileHeldAsync(ProcessMemory memory)
    {
        await Task.Delay(Boot * 0.9, TimeProvider.System);
        return memory.Now;
    }
}
