using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Gateway.Tests.Simulation.Whole;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Sessions;

/// <summary>Who repeats the sequence, and how often; and what tells of a failover. What else is heard is the session map's tests'.</summary>
public sealed class ChangeFeedTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(10)]
    public void Replicas_without_news_share_one_beat_a_second(int replicas)
    {
        var stage = new Stage(replicas);

        stage.World.Pass(Minute);

        // Two that look within the time a beat takes to be heard both send one.
        Assert.InRange(stage.Beats.Count, 50, 80);
    }

    [Fact]
    public void Silence_between_two_beats_is_never_longer_than_what_is_promised_of_a_lost_message()
    {
        var stage = new Stage(3);

        stage.World.Pass(Minute);

        Assert.All(stage.Beats.Zip(stage.Beats.Skip(1)), static pair => Assert.InRange(pair.Second - pair.First, TimeSpan.Zero, TimeSpan.FromMilliseconds(1200)));
    }

    [Fact]
    public void Beat_that_nobody_hears_is_sent_again_by_each_four_times_a_second()
    {
        var stage = new Stage(1) { LosesAll = true };

        stage.World.Pass(Minute);

        Assert.InRange(stage.Beats.Count, 220, 240);
    }

    [Theory]
    [InlineData("7|beat|0|", "6|beat|0|", true)]
    [InlineData("7|beat|0|", "1|session|9|alice", true)]
    [InlineData("7|session|9|bob", "7|session|9|alice", true)]
    [InlineData("7|beat|0|", "7|beat|0|", false)]
    [InlineData("7|beat|0|", "8|session|9|alice", false)]
    [InlineData("7|beat|0|", "9|session|9|alice", false)]
    public void Sequence_that_goes_back_tells_of_a_failover(string first, string second, bool isFailover)
    {
        var (feed, _, time) = Quiet();

        feed.Hear(first);
        feed.Hear(second);
        time.Advance(TimeSpan.FromSeconds(4));

        Assert.Equal(isFailover ? TimeSpan.FromSeconds(4) : TimeSpan.MaxValue, feed.SinceFailover);
    }

    [Fact]
    public void Connection_made_anew_tells_of_a_failover()
    {
        var (feed, channel, time) = Quiet();
        _ = GatewayProcess.WorkAsync(feed);

        channel.Connect();
        time.Advance(TimeSpan.FromSeconds(4));

        Assert.Equal(TimeSpan.FromSeconds(4), feed.SinceFailover);
    }

    private static (ChangeFeed, QuietChannel, FakeTimeProvider) Quiet()
    {
        var (channel, time) = (new QuietChannel(), new FakeTimeProvider());
        return (new ChangeFeed(channel, new SessionsMetrics(new NoMeters()), time, new Random(1), NullLogger<ChangeFeed>.Instance), channel, time);
    }

    /// <summary>Replicas that started at the same moment, and a channel that takes a moment each way.</summary>
    private sealed class Stage
    {
        private static readonly TimeSpan OneWay = TimeSpan.FromMilliseconds(1);

        private readonly List<Action<string>> _listeners = [];

        public Stage(int replicas)
        {
            World = new SeededWorld(1);
            for (var i = 0; i < replicas; i++)
            {
                var context = new GatewayContext(World);
                var feed = new ChangeFeed(new Channel(this), new SessionsMetrics(new NoMeters()), new SeededTime(World, context), World.Random, NullLogger<ChangeFeed>.Instance);
                context.Do(() => _ = GatewayProcess.WorkAsync(feed));
            }
        }

        public SeededWorld World { get; }

        /// <summary>When each was sent on to everybody.</summary>
        public List<TimeSpan> Beats { get; } = [];

        public bool LosesAll { get; init; }

        private sealed class Channel(Stage stage) : IChangeChannel
        {
            public event Action? Connected
            {
                add { }
                remove { }
            }

            public TimeSpan SinceContact => TimeSpan.Zero;

            public void Touch()
            {
            }

            public Task FirstAttemptAsync() => Task.CompletedTask;

            public Task ListenAsync(Action<string> hear)
            {
                stage._listeners.Add(hear);
                return Task.CompletedTask;
            }

            public Task BeatAsync(CancellationToken cancellationToken)
            {
                var answered = new TaskCompletionSource();
                stage.World.After(OneWay, () =>
                {
                    stage.Beats.Add(TimeSpan.FromTicks(stage.World.Now));
                    stage.World.After(OneWay, () =>
                    {
                        foreach (var hear in stage.LosesAll ? [] : stage._listeners)
                        {
                            hear("0|beat|0|");
                        }

                        answered.SetResult();
                    });
                });
                return answered.Task;
            }
        }
    }
}
