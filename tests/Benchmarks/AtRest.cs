using Figures;

namespace Benchmarks;

/// <summary>From the start of the process to ready, and its memory when nobody uses it.</summary>
internal static class AtRest
{
    public static readonly TimeSpan Settled = TimeSpan.FromSeconds(5);

    public static async Task<IReadOnlyList<Row>> TakeAsync(Plan plan)
    {
        var starts = new List<double>();
        var memory = new List<double>();
        for (var i = 0; i < plan.Starts; i++)
        {
            await using var stage = await Stage.SetAsync(static _ => { }, 0);
            var began = TimeProvider.System.GetTimestamp();
            await stage.AddGatewayAsync();
            starts.Add(TimeProvider.System.GetElapsedTime(began).TotalSeconds);
            if (i == 0)
            {
                await Task.Delay(Settled, TimeProvider.System);
                memory.Add(ProcessTree.Memory(stage.Gateway.Id) / 1024.0 / 1024.0);
            }
        }

        return
        [
            new Row("process start to ready", "", Sample.Of(starts), "s", 0.9, 0.5),
            new Row("memory idle after start (anonymous + shared)", "", Sample.Of(memory), "MB", 60, 45),
        ];
    }
}
