using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace Gateway.Tests.Sessions;

/// <summary>What a Redis that hangs costs whoever has a route to go by.</summary>
public sealed class RouteTableTests
{
    private static readonly UserId Alice = new("alice");
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Hanging = TimeSpan.FromSeconds(2);

    [Fact]
    public void Known_route_is_waited_for_a_quarter_of_a_second_when_Redis_hangs()
    {
        using var stage = new Stage();

        Assert.Equal((RouteKnown.Found, Patience), stage.Find());
    }

    [Fact]
    public void Known_route_is_not_waited_for_again_until_Redis_has_answered()
    {
        using var stage = new Stage();
        stage.Find();

        Assert.Equal((RouteKnown.Found, TimeSpan.Zero), stage.Find(after: TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void Known_route_is_asked_for_as_soon_as_Redis_has_answered()
    {
        using var stage = new Stage();
        stage.Find();
        Assert.Equal((RouteKnown.Found, TimeSpan.Zero), stage.Find(after: Hanging * 2));

        stage.Answers();

        Assert.Equal((RouteKnown.None, TimeSpan.Zero), stage.Find());
    }

    [Fact]
    public void Known_route_is_not_believed_past_the_time_it_may_be()
    {
        using var stage = new Stage();
        stage.Find();
        stage.Channel.SinceContact = new SessionsOptions().TrustWithoutRedis;

        Assert.Equal(RouteKnown.Unknown, stage.Find(after: TimeSpan.FromMilliseconds(900)).Known);
    }

    [Fact]
    public void Unknown_user_waits_for_as_long_as_Redis_takes()
    {
        using var stage = new Stage();

        Assert.Equal((RouteKnown.Unknown, Hanging), stage.Find(new UserId("bob")));
    }

    /// <summary>A route that was read; then its session is removed unheard, there is a gap in the feed, and Redis hangs: each call ends after two seconds without an answer.</summary>
    private sealed class Stage : IDisposable
    {
        private readonly SimulatedMap _map;
        private readonly RouteTable _routes;

        public Stage()
        {
            _map = new SimulatedMap(World.Time).Listed();
            var view = _map.For("one");
            var feed = new ChangeFeed(Channel, new SessionsMetrics(new NoMeters()), World.Time, Random.Shared, NullLogger<ChangeFeed>.Instance);
            _routes = new RouteTable(view, feed, Channel, Options.Create(new SessionsOptions()), World.Time);
            var elsewhere = _map.For("two");
            World.Run(async () =>
            {
                feed.Hear("1|beat|0|");
                var session = (await elsewhere.WriteAsync(new Session { User = Alice, State = SessionState.Provisioning, App = "a" }, CancellationToken.None)).Current!;
                await _routes.FindAsync(Alice, CancellationToken.None);
                await elsewhere.RemoveAsync(session, CancellationToken.None);
                feed.Hear("9|beat|0|");
            });
            (_map.Latency, _map.Unavailable) = (Hanging, true);
        }

        public SimulatedWorld World { get; } = new();

        public QuietChannel Channel { get; } = new() { SinceContact = TimeSpan.FromSeconds(30) };

        public void Dispose() => _routes.Dispose();

        public void Answers()
        {
            (_map.Latency, _map.Unavailable) = (TimeSpan.Zero, false);
            Channel.SinceContact = TimeSpan.Zero;
        }

        public (RouteKnown Known, TimeSpan Took) Find(UserId? user = null, TimeSpan after = default)
        {
            World.Pass(after);
            var asked = World.Time.GetUtcNow();
            var took = default(TimeSpan);
            var lookup = World.Run(async () =>
            {
                var found = await _routes.FindAsync(user ?? Alice, CancellationToken.None);
                took = World.Time.GetUtcNow() - asked;
                return found;
            });
            return (lookup.Known, took);
        }
    }
}
