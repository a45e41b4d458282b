using Gateway.Sessions;
using Xunit;

namespace Gateway.Tests.Provisioning;

public sealed class WorkspaceNamesTests
{
    private readonly WorkspaceNames _names = new("app", "fake-name-key-for-tests-0123456789");

    [Theory]
    [InlineData("alice")]
    [InlineData("")]
    [InlineData("Ünïcode ⚙ / .. \0 with|bars")]
    [InlineData("a-very-long-name-that-goes-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on")]
    public void Names_are_fit_for_the_platform(string user)
    {
        Assert.Matches(@"\Aws-[a-z2-7]{20}\z", _names.MachineName(new UserId(user)));
        Assert.Matches(@"\Aws-[a-z2-7]{20}-3\z", _names.MachineName(new UserId(user), 2));
        Assert.Matches(@"\A[a-z0-9_]{1,30}\z", _names.VolumeName(new UserId(user)));
    }

    [Fact]
    public void Names_depend_on_user_key_and_app_and_on_nothing_else()
    {
        var alice = new UserId("alice");
        Assert.Equal(_names.MachineName(alice), new WorkspaceNames("app", "fake-name-key-for-tests-0123456789").MachineName(alice));
        var names = new[] { _names.MachineName(alice), _names.MachineName(new UserId("Alice")), new WorkspaceNames("app", "another-fake-name-key-0123456789abc").MachineName(alice), new WorkspaceNames("app2", "fake-name-key-for-tests-0123456789").MachineName(alice) };
        Assert.Equal(names.Length, names.Distinct().Count());
    }

    [Fact]
    public void Proof_holds_for_its_app_machine_and_user_only()
    {
        var (alice, bob) = (new UserId("alice"), new UserId("bob"));
        var proof = _names.Metadata("app", "m1", alice);

        Assert.Equal([alice], _names.UsersOf("app", "m1", proof, out var forged));
        Assert.False(forged);
        Assert.Empty(_names.UsersOf("app", "m2", proof, out forged));
        Assert.True(forged);
        Assert.Empty(_names.UsersOf("app2", "m1", proof, out _));
        proof[WorkspaceNames.UserKey] = _names.Metadata("app", "m1", bob)[WorkspaceNames.UserKey];
        Assert.Empty(_names.UsersOf("app", "m1", proof, out _));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("!!!", "00")]
    [InlineData("_____w", "é")]
    [InlineData("YWxpY2U", null)]
    public void Nonsense_proves_nothing_and_does_not_throw(string user, string? mac)
    {
        var metadata = new Dictionary<string, string> { [WorkspaceNames.UserKey] = user };
        if (mac is not null)
        {
            metadata[WorkspaceNames.MacKey] = mac;
        }

        Assert.Empty(_names.UsersOf("app", "m1", metadata, out var forged));
        Assert.True(forged);
    }

    [Fact]
    public void Parts_that_run_together_alike_have_different_proofs() =>
        Assert.NotEqual(_names.Mac("ab", "c", new UserId("d")), _names.Mac("a", "bc", new UserId("d")));
}
