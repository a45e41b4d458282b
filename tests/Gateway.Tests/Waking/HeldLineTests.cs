using Gateway.Tests.Simulation;
using Gateway.Waking;
using Xunit;

namespace Gateway.Tests.Waking;

public sealed class HeldLineTests
{
    private static readonly TimeSpan Hold = TimeSpan.FromSeconds(50);
    private static readonly WakeOutcome Awake = new WakeOutcome.Awake("127.0.0.1", 1, WakeTiming.None, Led: true);

    private readonly SimulatedWorld _world = new();
    private readonly HeldLine _line;

    public HeldLineTests() => _line = new HeldLine(_world.Time);

    [Fact]
    public void Each_answer_lets_more_go_than_it_frees()
    {
        var held = Wait(200);
        var releasing = _world.Start(() => _line.ReleaseAsync(Awake));
        var first = held.Count(Ended);

        Answer(held[0]);

        Assert.InRange(first, 2, 199);
        Assert.Equal(first + 2, held.Count(Ended));
        Assert.False(releasing.IsCompleted);
    }

    [Fact]
    public void Answer_that_is_told_twice_counts_once()
    {
        var held = Wait(200);
        _world.Start(() => _line.ReleaseAsync(Awake));
        Answer(held[0]);
        var gone = held.Count(Ended);

        Answer(held[0]);

        Assert.Equal(gone, held.Count(Ended));
    }

    [Fact]
    public void Window_stays_bounded_however_many_answers_come()
    {
        var held = Wait(2000);
        _world.Start(() => _line.ReleaseAsync(Awake));
        for (var i = 0; i < 1000; i++)
        {
            Answer(held[i]);
        }

        Assert.InRange(held.Count(Ended), 1001, 1200);
    }

    [Fact]
    public void All_go_in_the_end_though_nobody_is_answered()
    {
        var held = Wait(500);

        _world.Run(async () =>
        {
            await _line.ReleaseAsync(Awake);
            Assert.All(await Task.WhenAll(held), outcome => Assert.IsType<WakeOutcome.Awake>(outcome));
        });
    }

    [Fact]
    public void Hold_that_ends_in_the_line_of_an_awake_machine_is_not_refused()
    {
        var held = Wait(200, TimeSpan.FromMilliseconds(50));
        _world.Start(() => _line.ReleaseAsync(Awake));
        Assert.False(held[199].IsCompleted);

        _world.Pass(TimeSpan.FromMilliseconds(60));

        Assert.IsType<WakeOutcome.Awake>(_world.Run(() => held[199]));
    }

    [Fact]
    public void Refusal_reaches_everybody_at_once()
    {
        var held = Wait(500);

        _world.Start(() => _line.ReleaseAsync(new WakeOutcome.Refused(WakeRefusal.HostFull, "", TimeSpan.FromSeconds(1))));

        Assert.All(held, outcome => Assert.True(outcome.IsCompletedSuccessfully));
    }

    private List<Task<WakeOutcome?>> Wait(int count, TimeSpan? hold = null) =>
        _world.Start(() => Enumerable.Range(0, count).Select(_ => _line.WaitAsync(hold ?? Hold, CancellationToken.None)).ToList());

    private void Answer(Task<WakeOutcome?> held) => _world.Start(() =>
    {
        ((WakeOutcome.Awake)held.Result!).Answered();
        return true;
    });

    private static bool Ended(Task<WakeOutcome?> held) => held.IsCompletedSuccessfully;
}
