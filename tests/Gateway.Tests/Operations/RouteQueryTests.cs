using Gateway.Operations;
using Gateway.Sessions;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.Tests.Operations;

public sealed class RouteQueryTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 31, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void NothingAsked_IsEverythingByThePage()
    {
        Assert.Equal(new RouteQuery(null, null, null, null, null, 100, null), Parse(QueryString.Empty));
    }

    public static TheoryData<int> Places => [0, 1, 2, 3];

    [Theory]
    [MemberData(nameof(Places))]
    public void Cursor_LeadsBackToWhatItWasMadeOf(int which)
    {
        var place = new RoutePlace[]
        {
            new(RouteOrder.User, new UserId("Ünal/..|x")),
            new(RouteOrder.LastActivity, new UserId("a|b"), new MachineActivity(new MachineId("m"), Noon)),
            new(RouteOrder.LatestActivity, new UserId("a"), new MachineActivity(new MachineId("m"), null)),
            new(RouteOrder.LatestActivity, null, new MachineActivity(new MachineId("m"), Noon)),
        }[which];

        Assert.Equal(place, Parse(QueryString.Create("cursor", place.Write()))!.After);
    }

    [Theory]
    [InlineData("sort", "last_activity")]
    [InlineData("user", "c*")]
    public void CursorOfAnotherQuery_IsRefused(string name, string value)
    {
        var cursor = new RoutePlace(RouteOrder.User, new UserId("bob")).Write();

        Assert.Null(Parse(QueryString.Create("cursor", cursor).Add(name, value)));
    }

    [Theory]
    [InlineData(-1, true)]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void InactiveSince_IsHeldByWhoDidNothingAfter(int minutes, bool expected)
    {
        Assert.Equal(expected, Parse(Since)!.Holds(Route(Noon.AddMinutes(minutes))));
    }

    [Fact]
    public void InactiveSince_IsHeldByWhoNeverDidAnything() => Assert.True(Parse(Since)!.Holds(Route(null)));

    private static QueryString Since => QueryString.Create("inactive_since", "2030-01-31T13:00:00+01:00");

    private static RouteView Route(DateTimeOffset? lastActivity) => new() { Id = "a", User = "a", State = "awake", App = "w", LastActivity = lastActivity };

    private static RouteQuery? Parse(QueryString query) =>
        RouteQuery.Parse(new DefaultHttpContext { Request = { QueryString = query } }.Request.Query, new OperationsOptions()).Query;
}
