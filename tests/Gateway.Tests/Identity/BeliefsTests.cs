using Gateway.Identity;
using Gateway.Tests.Simulation;
using Xunit;

namespace Gateway.Tests.Identity;

/// <summary>What a store that hangs costs whoever is already believed.</summary>
public sealed class BeliefsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    [Fact]
    public void Known_credential_is_waited_for_a_quarter_of_a_second_when_the_store_hangs()
    {
        var stage = new Stage();

        Assert.Equal(("one", true, Patience), stage.Find());
    }

    [Fact]
    public void Known_credential_is_not_waited_for_again_while_the_store_hangs()
    {
        var stage = new Stage();
        stage.Find();

        var later = Enumerable.Range(0, 60).Select(_ => stage.Find(after: TimeSpan.FromSeconds(1))).ToList();

        Assert.All(later, static found => Assert.Equal(("one", true, TimeSpan.Zero), found));
        // Asked behind those who go on, by one of them every two seconds.
        Assert.InRange(stage.Asked, 29, 31);
    }

    [Fact]
    public void Credential_that_ended_unheard_is_refused_soon_after_the_store_is_back()
    {
        var stage = new Stage();
        stage.Find();
        stage.World.Pass(TimeSpan.FromSeconds(2));
        stage.Stored = null;
        stage.Hangs = false;

        stage.Find(after: TimeSpan.FromSeconds(2));

        Assert.Equal((null, true, TimeSpan.Zero), stage.Find());
    }

    [Fact]
    public void Call_that_is_given_up_after_another_was_answered_does_not_hide_that()
    {
        var stage = new Stage();
        stage.Find();
        stage.Hangs = false;
        stage.Find("other");
        // The first call is given up.
        stage.World.Pass(TimeSpan.FromSeconds(2));
        stage.Stored = null;

        Assert.Equal((null, true, TimeSpan.Zero), stage.Find());
    }

    [Fact]
    public void Credential_that_is_heard_to_have_ended_while_the_store_hangs_is_refused()
    {
        var stage = new Stage();

        Assert.Equal((null, true, Patience), stage.Find(meanwhile: static beliefs => beliefs.HasEnded("id")));
    }

    [Fact]
    public void Credential_that_comes_after_a_pause_is_asked_for_before_it_is_let_in()
    {
        var stage = new Stage();
        stage.Find();
        stage.World.Pass(TimeSpan.FromSeconds(5));
        stage.Stored = null;
        stage.Hangs = false;

        Assert.Equal((null, true, TimeSpan.Zero), stage.Find());
    }

    [Fact]
    public void Credential_is_not_believed_past_the_time_it_may_be()
    {
        var stage = new Stage();

        Assert.False(stage.Find(after: new IdentityOptions().TrustWithoutRedis).Known);
    }

    /// <summary>A credential that was verified, is doubted, and a store that hangs since: each call ends without an answer after two seconds.</summary>
    private sealed class Stage
    {
        private readonly Beliefs<string> _beliefs;

        public Stage()
        {
            _beliefs = new Beliefs<string>(World.Time, new IdentityOptions(), ReadAsync, static _ => false);
            World.Run(async () => { await _beliefs.FindAsync("id"); });
            _beliefs.Doubt();
            (Hangs, Asked) = (true, 0);
        }

        public SimulatedWorld World { get; } = new();

        public bool Hangs { get; set; }

        public string? Stored { get; set; } = "one";

        public int Asked { get; private set; }

        public (string? Value, bool Known, TimeSpan Took) Find(string id = "id", TimeSpan after = default, Action<Beliefs<string>>? meanwhile = null)
        {
            World.Pass(after);
            var asked = World.Time.GetUtcNow();
            var took = default(TimeSpan);
            var (value, known) = World.Run(async () =>
            {
                var finding = _beliefs.FindAsync(id);
                meanwhile?.Invoke(_beliefs);
                var found = await finding;
                took = World.Time.GetUtcNow() - asked;
                return found;
            });
            return (value, known, took);
        }

        private async Task<string?> ReadAsync(string id)
        {
            Asked++;
            if (Hangs)
            {
                await Task.Delay(TimeSpan.FromSeconds(2), World.Time);
                throw new SignInStoreUnavailableException("The store does not answer.", new TimeoutException());
            }

            return Stored;
        }
    }
}
