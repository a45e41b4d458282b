using Gateway.Idling;
using Gateway.Operations.Costs;
using Gateway.Sessions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

public sealed class UseWriterTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(10);

    /// <summary>As a host does that is disposed while its own run ends.</summary>
    [Fact]
    public async Task StopAskedForTwice_EndsForBothWhenTheLastMinuteIsWrittenOnce()
    {
        var time = new FakeTimeProvider();
        var visits = new Visits(time);
        var ledger = new SlowLedger();
        using var writer = new UseWriter(new UseMeter(visits, time), ledger, time, NullLogger<UseWriter>.Instance);
        await writer.StartAsync(CancellationToken.None);
        using (var request = visits.Open(new MachineId("m1"), socket: false, counts: true))
        {
            request.Traffic.ToClient(100, isUse: true);
        }

        var stops = new[] { writer.StopAsync(CancellationToken.None), writer.StopAsync(CancellationToken.None) };
        await ledger.Reached.Task.WaitAsync(Bound, TimeProvider.System);

        Assert.All(stops, static stop => Assert.False(stop.IsCompleted));
        ledger.Goes.SetResult();
        await Task.WhenAll(stops).WaitAsync(Bound, TimeProvider.System);
        Assert.Equal(1, ledger.Reports);
    }

    private sealed class SlowLedger : EmptyLedger
    {
        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Goes { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Reports { get; private set; }

        public override Task ReportAsync(long minute, IReadOnlyList<MachineUse> uses, CancellationToken cancellationToken)
        {
            Reports++;
            Reached.TrySetResult();
            return Goes.Task;
        }
    }
}
