using Gateway.Machines;
using Xunit;

namespace Gateway.Tests.Machines;

public sealed class QueueWatchTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task CallsThatWaitForTheirTurn_AreToldTheirPlaceInTheOrderTheyCame()
    {
        // Turns so far apart that none comes in this test.
        using var rates = new MachinesRates(new MachinesOptions(), TimeSpan.FromHours(1), TimeSpan.FromHours(1));
        using var enough = new CancellationTokenSource();
        for (var burst = 0; burst < 3; burst++)
        {
            (await rates.AcquireAsync(MachinesCall.Create, "app", CancellationToken.None)).Dispose();
        }

        var watches = Enumerable.Range(0, 3).Select(static _ => new QueueWatch()).ToList();
        var waiting = watches.ConvertAll(watch => WaitAsync(rates, watch, enough.Token));

        Assert.Equal([1, 2, 3], watches.Select(static watch => watch.Place!.Position));
        Assert.Equal(TimeSpan.FromHours(2), watches[1].Place!.ExpectedWait);
        enough.Cancel();
        await Task.WhenAny(Task.WhenAll(waiting)).WaitAsync(Bound);
        Assert.All(watches, static watch => Assert.Null(watch.Place));
    }

    [Fact]
    public async Task WhoLeavesTheLine_MovesTheOthersForward()
    {
        using var rates = new MachinesRates(new MachinesOptions(), TimeSpan.FromHours(1), TimeSpan.FromHours(1));
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        for (var burst = 0; burst < 3; burst++)
        {
            (await rates.AcquireAsync(MachinesCall.Create, "app", CancellationToken.None)).Dispose();
        }

        var (one, two) = (new QueueWatch(), new QueueWatch());
        var leaves = WaitAsync(rates, one, first.Token);
        var stays = WaitAsync(rates, two, second.Token);
        first.Cancel();
        await Task.WhenAny(leaves).WaitAsync(Bound);

        Assert.Equal(1, two.Place!.Position);
        second.Cancel();
        await Task.WhenAny(stays).WaitAsync(Bound);
    }

    [Fact]
    public async Task CallThatHasItsTurnAtOnce_HasNoPlace()
    {
        using var rates = new MachinesRates(new MachinesOptions(), TimeSpan.FromHours(1), TimeSpan.FromHours(1));
        var watch = new QueueWatch();

        await WaitAsync(rates, watch, CancellationToken.None).WaitAsync(Bound);

        Assert.Null(watch.Place);
    }

    private static async Task WaitAsync(MachinesRates rates, QueueWatch watch, CancellationToken cancellationToken)
    {
        QueueWatch.Current = watch;
        using var lease = await rates.AcquireAsync(MachinesCall.Create, "app", cancellationToken);
    }
}
