using Gateway.Operations;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.Tests.Operations;

public sealed class RouteQueryTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 31, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void NothingAsked_IsEverythingByThePage()
    {
        Assert.Equal(new RouteQuery(null, null, null, null, 100, null), Parse(QueryString.Empty));
    }

    [Fact]
    public void Cursor_LeadsBackToWhatItWasMadeOf()
    {
        Assert.Equal("42:x", Parse(QueryString.Create("cursor", RouteQuery.WriteCursor("42:x")!))!.Cursor);
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
